"""Files of text -> documents of lines. Knows no tokens.

Files are found and checked (``files``), opened through their compression (``streams``), read as checked lines
(``lines``) and turned into documents (``documents``); ``chunks`` cuts a corpus into pieces for parallel work.
"""

from bertwright.corpus.chunks import Chunk, read_chunk, read_documents, split_work
from bertwright.corpus.documents import Document
from bertwright.corpus.files import Corpus, CorpusFile, find_corpus

__all__ = [
    "Chunk",
    "Corpus",
    "CorpusFile",
    "Document",
    "find_corpus",
    "read_chunk",
    "read_documents",
    "split_work",
]

"""Text to pieces and ids: vocabulary, basic tokenizer, WordPiece, and the input of the model."""

from bertwright.tokenization.basic import BasicTokenizer, Word
from bertwright.tokenization.encoding import Encoding, ModelInput, assemble
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import Vocabulary
from bertwright.tokenization.wordpiece import WordPiece

__all__ = [
    "BasicTokenizer",
    "Encoding",
    "ModelInput",
    "Tokenizer",
    "TokenizerSettings",
    "Vocabulary",
    "Word",
    "WordPiece",
    "assemble",
]

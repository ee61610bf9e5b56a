"""Learning a vocabulary: a corpus is counted into words, the words are cut top-down into pieces.

``splitting`` (text -> columns of words), ``counting`` (a corpus -> distinct words with counts),
``alphabet``, ``trie`` (all frequent substrings), ``topdown`` (which of them become pieces), ``exchange``
(pieces swapped while that helps), ``learner`` (the three together), ``report`` (how good it is), ``learn``
(the whole way).
"""

from bertwright.tokenization.learning.learn import LearnedVocabulary, learn_vocabulary
from bertwright.tokenization.learning.learner import learn_pieces
from bertwright.tokenization.learning.report import VocabularyReport

__all__ = ["LearnedVocabulary", "VocabularyReport", "learn_pieces", "learn_vocabulary"]

"""From a word to pieces: greedy longest match first."""

from __future__ import annotations

from bertwright.tokenization.vocabulary import CONTINUATION, Vocabulary

_CACHE_SIZE = 1 << 17
_CACHED_LENGTH = 40  # longer words hardly come twice


class WordPiece:
    """``WordpieceTokenizer`` of the original, on one word at a time.

    A word costs at most ``max_input_chars_per_word`` times the length of the longest piece, so the time for a
    text is linear in its length.
    """

    def __init__(self, vocabulary: Vocabulary, max_input_chars_per_word: int = 200) -> None:
        self.vocabulary = vocabulary
        self.max_input_chars_per_word = max_input_chars_per_word
        self._first = {token: index for index, token in enumerate(vocabulary.tokens)}
        self._later = {
            token[len(CONTINUATION) :]: index
            for index, token in enumerate(vocabulary.tokens)
            if token.startswith(CONTINUATION)
        }
        self._longest_first = max(map(len, self._first))
        self._longest_later = max(map(len, self._later), default=0)
        self._cache: dict[str, tuple[int, ...]] = {}

    def pieces(self, word: str) -> tuple[int, ...]:
        """The ids of the pieces of ``word``; ``[UNK]`` alone when it is too long or a part is no piece."""
        found = self._cache.get(word)
        if found is None:
            found = self._match(word)
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            if len(word) <= _CACHED_LENGTH:
                self._cache[word] = found
        return found

    def _match(self, word: str) -> tuple[int, ...]:
        if len(word) > self.max_input_chars_per_word:
            return (self.vocabulary.unk_id,)
        ids: list[int] = []
        start, known, longest = 0, self._first, self._longest_first
        while start < len(word):
            for stop in range(min(len(word), start + longest), start, -1):
                index = known.get(word[start:stop])
                if index is not None:
                    break
            else:
                return (self.vocabulary.unk_id,)
            ids.append(index)
            start, known, longest = stop, self._later, self._longest_later
        return tuple(ids)

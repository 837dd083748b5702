"""Word indices and padded sequences, as in Keras 1's ``preprocessing.text`` and ``preprocessing.sequence``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pellucid.compat.keras.arguments import bind, make_signature
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.typing import Array

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
"""Characters that separate words by default."""


def text_to_word_sequence(text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """Return the words of a text."""
    text = (text.lower() if lower else text).translate(str.maketrans(filters, split * len(filters)))
    return [word for word in text.split(split) if word]


def one_hot(text: str, n: int, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[int]:
    """Return a hash of each word, from 1 to n - 1; it differs between processes unless PYTHONHASHSEED is set."""
    return [abs(hash(word)) % (n - 1) + 1 for word in text_to_word_sequence(text, filters, lower, split)]


TOKENIZER = make_signature(f"nb_words=None filters={FILTERS!r} lower=True split='\\x20' char_level=False")


class Tokenizer:
    """Indices of words by frequency, from 1."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        a = bind(Tokenizer, TOKENIZER, args, keywords)
        self.nb_words, self.char_level = a["nb_words"], a["char_level"]
        self.filters, self.lower, self.split = a["filters"], a["lower"], a["split"]
        self.word_counts: Counter[str] = Counter()
        self.word_docs: Counter[str] = Counter()
        self.word_index: dict[str, int] = {}
        self.index_docs: dict[int, int] = {}
        self.document_count = 0

    def split_text(self, text: str) -> Sequence[str]:
        """Return the words or characters of a text."""
        return text if self.char_level else text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[str]) -> None:
        """Count words, and number them by frequency."""
        self.document_count = 0
        for text in texts:
            words = self.split_text(text)
            self.document_count += 1
            self.word_counts.update(words)
            self.word_docs.update(set(words))
        self.word_index = {word: i for i, (word, _) in enumerate(self.word_counts.most_common(), 1)}
        self.index_docs = {self.word_index[word]: count for word, count in self.word_docs.items()}

    def texts_to_sequences_generator(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """Yield the indices of the known words of each text."""
        for text in texts:
            found = (self.word_index.get(word) for word in self.split_text(text))
            yield [i for i in found if i is not None and (not self.nb_words or i < self.nb_words)]

    def texts_to_sequences(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the indices of the known words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_matrix(self, texts: Iterable[str], mode: str = "binary") -> Array:
        """Return a row of word statistics for each text."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> Array:
        """Return a row of word statistics for each sequence."""
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise OptionError(f"Expected mode to be 'binary', 'count', 'freq' or 'tfidf'. Received: mode={mode!r}")
        size = self.nb_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not size or (mode == "tfidf" and not self.document_count):
            raise UseError("The Tokenizer has no words yet. Call fit_on_texts first, or give nb_words")
        x = np.zeros((len(sequences), size))
        for row, sequence in zip(x, sequences, strict=True):
            for j, count in Counter(j for j in sequence if j < size).items():
                rarity = np.log(1 + self.document_count / (1 + self.index_docs.get(j, 0)))
                values = {"binary": 1.0, "count": count, "freq": count / len(sequence)}
                row[j] = (1 + np.log(count)) * rarity if mode == "tfidf" else values[mode]
        return x


PAD = make_signature("sequences maxlen=None dtype='int32' padding='pre' truncating='pre' value=0.0")


def pad_sequences(*args: Any, **keywords: Any) -> Array:
    """Return sequences as an array of one length, cut and padded at their beginning or end."""
    sequences, maxlen, dtype, padding, truncating, value = bind(pad_sequences, PAD, args, keywords).values()
    if not {padding, truncating} <= {"pre", "post"}:
        raise OptionError(
            f"Expected padding and truncating to be 'pre' or 'post'. Received: {padding!r}, {truncating!r}"
        )
    length = max(map(len, sequences)) if maxlen is None else maxlen
    sample = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    x = np.full((len(sequences), length, *sample), value).astype(dtype)
    for row, sequence in zip(x, sequences, strict=True):
        kept = np.asarray(sequence[-length:] if truncating == "pre" else sequence[:length], dtype)
        if not len(kept):
            continue
        if kept.shape[1:] != sample:
            raise ShapeError(f"Expected steps of shape {sample}, as in the first sequence. Received: {kept.shape[1:]}")
        row[slice(len(kept)) if padding == "post" else slice(-len(kept), None)] = kept
    return x


add_missing_name_errors(globals(), "keras.preprocessing.text")

"""Modules ``utils``, ``datasets``, ``preprocessing.sequence`` and ``preprocessing.text``; nothing is downloaded."""

import functools
import hashlib
import json
import shutil
import string
from collections import Counter
from pathlib import Path

import numpy as np

from pellucid.compat.keras import backend
from pellucid.compat.keras.named_objects import bind, make_module
from pellucid.data import mnist
from pellucid.graph.errors import OptionError, StorageError

FILTERS = string.punctuation.replace("'", "") + "\t\n"


def to_categorical(y, nb_classes=None, num_classes=None):
    labels = np.array(y, dtype=int).ravel()
    return np.eye(nb_classes or num_classes or labels.max() + 1)[labels]


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    if not {padding, truncating} <= {"pre", "post"}:
        raise OptionError(f"Expected padding and truncating to be 'pre' or 'post'. Received: {padding}, {truncating}")
    length = max(map(len, sequences)) if maxlen is None else maxlen
    x = np.full((len(sequences), length, *np.shape(next(filter(len, sequences), []))[1:]), value).astype(dtype)
    for row, sequence in zip(x, sequences, strict=True):
        kept = sequence[-length:] if truncating == "pre" else sequence[:length]
        if len(kept):
            row[slice(len(kept)) if padding == "post" else slice(-len(kept), None)] = kept
    return x


def load_mnist(path="mnist.pkl.gz"):
    """Return MNIST as ``(X_train, y_train), (X_test, y_test)``; the path, of Keras 1's download, is not read."""
    print("MNIST: the 60,000 training and 10,000 test images of pellucid")
    return tuple((x.copy(), y.copy()) for x, y in mnist())


def get_file(fname, origin, untar=False, md5_hash=None, cache_subdir="datasets"):
    """Return the path of a file in ``~/.keras``; with ``untar``, of the folder in the archive ``fname + ".tar.gz"``."""
    folder = Path.home() / ".keras" / cache_subdir
    path, source = folder / fname, folder / (f"{fname}.tar.gz" if untar else fname)
    if md5_hash and source.exists() and hashlib.md5(source.read_bytes()).hexdigest() != md5_hash:
        raise StorageError(f"{source} does not have the MD5 sum {md5_hash}. Download it again from {origin}")
    if untar and source.exists() and not path.exists():
        shutil.unpack_archive(source, folder, filter="data")
    if not path.exists():
        raise StorageError(f"{path} does not exist, and nothing is downloaded here. Download {origin} to {source}")
    return str(path)


def load_words(name, signature, *args, **keywords):
    """Return sequences of word indices of an ``.npz`` file, as ``(X_train, y_train), (X_test, y_test)``."""
    a = bind(load_words, signature, args, keywords, {"num_words": "nb_words"})
    path = get_file(f"{name}.npz", f"{STORE}{name}.npz")  # in place of Keras 1's pickle
    print(f"{name}: {path}")
    with np.load(path, allow_pickle=True) as file:
        parts = [(file[f"x{end}"], file[f"y{end}"]) for end in ([""] if "x" in file else ["_train", "_test"])]
    start, shift, rare = [c for c in [a["start_char"]] if c is not None], a["index_from"] or 0, a["oov_char"]
    for i, (x, y) in enumerate(parts):
        np.random.seed(a["seed"] * (i + 1))
        rows = [([*start, *(w + shift for w in x[j])], y[j]) for j in np.random.permutation(len(x))]
        parts[i] = [row for row in rows if len(row[0]) < (a["maxlen"] or np.inf)]
    if not all(parts):
        raise OptionError(f"{name}.load_data: no sequence has fewer than maxlen={a['maxlen']} words. Increase maxlen")
    words = range(a["skip_top"], a["nb_words"] or max(max(x, default=0) for part in parts for x, _ in part))
    pick = lambda x: [w if w in words else rare for w in x if w in words or rare is not None]
    if "test_split" in a:
        count = int(len(parts[0]) * (1 - a["test_split"]))
        parts = [parts[0][:count], parts[0][count:]]
    return tuple((np.fromiter((pick(x) for x, _ in p), object, len(p)), np.array([y for _, y in p])) for p in parts)


def load_cifar(folder, archive, train, test, labels, label_mode="fine"):
    """Return images and a column of labels, as ``(X_train, y_train), (X_test, y_test)``."""
    if label_mode not in ("fine", "coarse"):
        raise OptionError(f"load_data: expected label_mode to be 'fine' or 'coarse'. Received: {label_mode!r}")
    path, parts = Path(get_file(folder, f"https://www.cs.toronto.edu/~kriz/{archive}", untar=True)), []
    for files in (train, test):
        batches = [np.load(path / file, allow_pickle=True, encoding="bytes") for file in files.split(",")]
        x = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32)
        y = np.concatenate([batch[labels.format(label_mode).encode()] for batch in batches]).astype("uint8")[:, None]
        parts.append((x if backend.image_dim_ordering() == "th" else x.transpose(0, 2, 3, 1), y))
    return tuple(parts)


def text_to_word_sequence(text, filters=FILTERS, lower=True, split=" "):
    text = (text.lower() if lower else text).translate(dict.fromkeys(map(ord, filters), split))
    return [word for word in text.split(split) if word]


class Tokenizer:
    """Numbers of words, the most frequent first, from 1; words from ``nb_words`` on are left out."""

    def __init__(self, nb_words=None, filters=FILTERS, lower=True, split=" ", char_level=False):
        self.nb_words, self.word_counts, self.word_index = nb_words, Counter(), {}
        self.split_text = lambda text: text if char_level else text_to_word_sequence(text, filters, lower, split)

    def fit_on_texts(self, texts):
        self.word_counts.update(word for text in texts for word in self.split_text(text))
        self.word_index = {word: i for i, (word, _) in enumerate(self.word_counts.most_common(), 1)}

    def texts_to_sequences(self, texts):
        found = [[self.word_index.get(word, 0) for word in self.split_text(text)] for text in texts]
        return [[i for i in row if 0 < i < (self.nb_words or np.inf)] for row in found]

    def sequences_to_matrix(self, sequences, mode="binary"):
        size = self.nb_words or len(self.word_index) + 1
        if mode not in ("binary", "count") or size < 2:
            expected = "mode to be 'binary' or 'count', and nb_words or a call of fit_on_texts"
            raise OptionError(f"Tokenizer: expected {expected}. Received: mode={mode!r}, nb_words={self.nb_words!r}")
        counts = np.array([np.bincount(np.array(row, int), minlength=size)[:size] for row in sequences], float)
        return np.minimum(counts, 1) if mode == "binary" else counts

    texts_to_matrix = lambda self, texts, mode="binary": self.sequences_to_matrix(self.texts_to_sequences(texts), mode)


plot = lambda model, to_file="model.png", **_: print(f"plot: {to_file} is not written. Call model.summary()")
STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
load_index = lambda name, path=None: json.loads(Path(get_file(name, f"{STORE}{name}")).read_text("utf-8"))
WORDS, CODES = "path=None nb_words=None skip_top=0 maxlen=None", "seed=113 start_char=1 oov_char=2 index_from=3"
BATCHES = ",".join(f"data_batch_{number}" for number in range(1, 6))
CIFAR = {"cifar10": f"cifar-10-batches-py cifar-10-python.tar.gz {BATCHES} test_batch labels"}
CIFAR["cifar100"] = "cifar-100-python cifar-100-python.tar.gz train test {}_labels"
DATASETS = {name: {"load_data": functools.partial(load_cifar, *row.split())} for name, row in CIFAR.items()}
for _name, _text in (("imdb", f"{WORDS} {CODES}"), ("reuters", f"{WORDS} test_split=0.2 {CODES}")):
    DATASETS[_name] = {"load_data": functools.partial(load_words, _name, _text)}
    DATASETS[_name]["get_word_index"] = functools.partial(load_index, f"{_name}_word_index.json")
DATASETS["mnist"] = {"load_data": load_mnist}
DATASETS = {name: make_module(f"datasets.{name}", functions) for name, functions in DATASETS.items()}
datasets = make_module("datasets", DATASETS, {"boston_housing": "Read boston_housing.npz with numpy.load"})
UTILS = {"to_categorical": to_categorical, "get_file": get_file, "plot": plot, "plot_model": plot}
utils = make_module("utils", UTILS, {"Progbar": "Print the step and the values"})
sequence = make_module("preprocessing.sequence", {"pad_sequences": pad_sequences})
text = make_module("preprocessing.text", {each.__name__: each for each in (Tokenizer, text_to_word_sequence)})

"""Imports of old libraries, and names that today's libraries have lost."""

import collections
import importlib
import io
import pickle
import string
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid import compat
from pellucid.compat.import_hook import MissingModuleError, use_old_libraries
from pellucid.compat.removed_names import read_table
from pellucid.errors import NoSuchNameError


def test_both_names_are_one_module() -> None:
    with use_old_libraries():
        import theano
        import theano.tensor as T
        from theano.tensor import nnet

        assert sys.modules["theano"] is sys.modules["pellucid.compat.theano"] is theano
        assert T is sys.modules["pellucid.compat.theano.tensor"] is theano.tensor
        assert nnet is T.nnet is sys.modules["pellucid.compat.theano.tensor.nnet"]
        assert T.__name__ == T.__spec__.name == "pellucid.compat.theano.tensor"
        assert importlib.reload(theano.gradient) is theano.gradient
    assert not [name for name in sys.modules if name.partition(".")[0] == "theano"]
    with pytest.raises(ModuleNotFoundError, match="No module named 'theano'"):
        importlib.import_module("theano")


def test_installed_packages_are_hidden_and_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theano").mkdir()
    (tmp_path / "theano" / "__init__.py").write_text("name = 'the installed one'\n")
    monkeypatch.syspath_prepend(tmp_path)
    installed = importlib.import_module("theano")
    meta_path = list(sys.meta_path)
    with use_old_libraries():
        import theano

        assert theano is not installed
        with use_old_libraries():
            assert importlib.import_module("theano") is theano
    assert sys.modules["theano"] is installed
    assert sys.meta_path == meta_path
    del sys.modules["theano"]


def test_missing_names_and_modules_say_what_they_were() -> None:
    with use_old_libraries():
        import theano.tensor as T

        with pytest.raises(MissingModuleError, match=r"theano\.sandbox\.nothing of Theano is not in pellucid\.compat"):
            importlib.import_module("theano.sandbox.nothing")
        with pytest.raises(
            ModuleNotFoundError, match=r"theano has no 'tensors' in Theano 1\.0\.5\. Did you mean 'tensor'"
        ):
            importlib.import_module("theano.tensors")
        with pytest.raises(NoSuchNameError, match=r"theano\.tensor\.sparse_module_ref of Theano 1\.0\.5"):
            print(T.sparse_module_ref)
        with pytest.raises(ImportError, match=r"theano\.tensor\.sparse_module_ref of Theano 1\.0\.5"):
            from theano.tensor import sparse_module_ref  # noqa: F401
        with pytest.raises(ImportError, match="TensorFlow"):
            importlib.import_module("tensorflow.nothing_of_the_kind")


def test_missing_modules_have_the_advice_of_their_package() -> None:
    with use_old_libraries():
        with pytest.raises(
            MissingModuleError, match=r"keras\.datasets\.boston_housing .* Read boston_housing\.npz with"
        ):
            importlib.import_module("keras.datasets.boston_housing")
        with pytest.raises(MissingModuleError, match=r"keras\.applications .* Write the layers"):
            importlib.import_module("keras.applications.vgg16")
        with pytest.raises(ImportError, match=r"keras\.utils\.Progbar of Keras 1\.2\.2 .* Print the step"):
            from keras.utils.generic_utils import Progbar  # noqa: F401
        from keras.engine import Model
        from keras.engine.topology import Layer
        from keras.engine.training import slice_X
        from keras.preprocessing.text import Tokenizer
        from keras.utils.data_utils import get_file

        assert all(map(callable, (Layer, Model, slice_X, Tokenizer, get_file)))


def test_unknown_libraries_and_removed_modules_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pellucid.compat.cv2", raising=False)
    monkeypatch.setattr(compat, "__path__", [])
    with use_old_libraries():
        with pytest.raises(MissingModuleError, match=r"The module cv2 of OpenCV"):
            importlib.import_module("cv2")
        assert importlib.import_module("sklearn.model_selection").__name__ == "sklearn.model_selection"


def test_removed_modules_of_scikit_learn() -> None:
    pytest.importorskip("pellucid.compat.sklearn")
    with use_old_libraries():
        from sklearn.cross_validation import KFold

        assert len(list(KFold(6, 3))) == 3
        with pytest.raises(ImportError, match=r"sklearn\.cross_validation has no 'nothing'"):
            importlib.import_module("sklearn.cross_validation.nothing")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("sklearn.cross_validation")


def test_lasagne_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with use_old_libraries() as finder:
        monkeypatch.setattr(sys, "meta_path", [finder])
        with pytest.raises(ImportError, match=r"pip install .pellucid\[legacy\]"):
            importlib.import_module("lasagne")


def test_removed_modules_exist_in_the_context_only() -> None:
    with use_old_libraries():
        import cPickle
        import Queue
        import urllib2
        from StringIO import StringIO

        assert cPickle.loads("S'a'\n.") == "a"
        assert Queue.Queue().empty()
        assert urllib2.urlopen is __import__("urllib.request").request.urlopen
        assert (StringIO("a").read(), StringIO(b"a").read()) == ("a", b"a")
    with pytest.raises(ModuleNotFoundError):
        import Queue


def test_six_has_a_stand_in_where_it_is_not_installed() -> None:
    with use_old_libraries():
        import six.moves.cPickle
        from six.moves import cPickle, xrange
        from six.moves.urllib.request import urlretrieve

        assert six.PY3
        assert dict(six.iteritems({1: 2})) == {1: 2}
        assert list(xrange(2)) == [0, 1]
        assert cPickle.loads(pickle.dumps(1, protocol=2)) == six.moves.cPickle.loads(b"I1\n.") == 1
        assert callable(urlretrieve)


def test_theano_has_what_python_2_lacked() -> None:
    with use_old_libraries():
        import theano
        from theano.compat.python2x import OrderedDict
        from theano.compat.six.moves import cPickle, xrange

        assert theano.compat.OrderedDict is OrderedDict is collections.OrderedDict
        assert (theano.compat.izip, theano.compat.six.PY3) == (zip, True)
        assert theano.theano.tensor is theano.tensor
        assert (cPickle, xrange) == (pickle, range)


def test_every_removed_name_is_there_and_goes_away() -> None:
    modules = [importlib.import_module(name) for name, (bases, _) in read_table().items() if not bases]
    before = [dict(vars(module)) for module in modules]
    with use_old_libraries():
        for module in modules:
            for name in read_table()[module.__name__][1]:
                assert hasattr(module, name.lstrip("!?")), (module, name)
        assert vars(np)["float"] is float
        assert np.bool is not bool  # NumPy itself uses its own
        assert np.asscalar(np.array([2.5])) == 2.5
        assert collections.Iterable is collections.abc.Iterable
        assert string.join(["a", "b"]) == "a b"
        assert time.clock() > 0
    for module, names in zip(modules, before, strict=True):
        assert set(vars(module)) - {"__warningregistry__"} <= set(names) | {"__warningregistry__"}, module


def test_pickles_of_python_2_and_text_files(tmp_path: Path) -> None:
    text = b"\x80\x02U\x03\xe9a\x00q\x00."  # a str of Python 2 that is not ASCII
    with pytest.raises(UnicodeDecodeError):
        pickle.loads(text)
    path = tmp_path / "x.pkl"
    with use_old_libraries():
        assert pickle.loads(text) == pickle.load(io.BytesIO(text)) == "\xe9a\0"
        with path.open("w") as file:
            pickle.dump([1], file)
        with path.open() as file:
            assert pickle.load(file) == [1]


@pytest.mark.filterwarnings("ignore:scipy.misc is deprecated")
def test_images_of_scipy(tmp_path: Path) -> None:
    Image.fromarray(np.arange(48, dtype="uint8").reshape(4, 4, 3)).save(tmp_path / "x.png")
    with use_old_libraries():
        from scipy.misc import imread, imresize, imsave, toimage

        assert imread(tmp_path / "x.png").tolist() == np.arange(48).reshape(4, 4, 3).tolist()
        assert imread(tmp_path / "x.png", flatten=True).dtype == np.float32
        # SciPy scales numbers so that the smallest is 0 and the largest 255, and puts three channels last.
        imsave(tmp_path / "y.png", [[-1.0, 0.0], [1.0, 3.0]])
        assert imread(tmp_path / "y.png").tolist() == [[0, 64], [128, 255]]
        assert np.asarray(toimage(np.ones((3, 2, 5)), cmin=0, cmax=2)).tolist() == np.full((2, 5, 3), 128).tolist()
        assert np.asarray(toimage([[1.0, 1.0]])).tolist() == [[0, 0]]
        picture = np.arange(48, dtype="uint8").reshape(6, 8)
        assert [imresize(picture, size).shape for size in (50, 0.5, (2, 7))] == [(3, 4), (3, 4), (2, 7)]
        assert imresize(picture, (3, 4), interp="nearest").tolist() == picture[1::2, 1::2].tolist()


def test_pkg_resources_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """setuptools 82 has none, and that of earlier versions warns."""
    (tmp_path / "pkg_resources.py").write_text("raise ImportError('this one warns')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pkg_resources", raising=False)
    with use_old_libraries():
        import pkg_resources

        numpy = pkg_resources.get_distribution("NumPy")
        assert (numpy.version, numpy.key) == (np.__version__, "numpy")
        assert pkg_resources.parse_version("10.0") > pkg_resources.parse_version("9.1")
        with pytest.raises(pkg_resources.DistributionNotFound):
            pkg_resources.get_distribution("nothing-of-the-kind")
        assert Path(pkg_resources.resource_filename("pellucid", "version.py")).exists()
        with pkg_resources.resource_stream("pellucid", "version.py") as stream:
            assert stream.read() == pkg_resources.resource_string("pellucid", "version.py")
        assert pkg_resources.resource_exists("pellucid", "compat")
        assert not pkg_resources.resource_exists("pellucid", "nothing")
    assert "pkg_resources" not in sys.modules


def test_numbers_are_read_from_bytes() -> None:
    with use_old_libraries():
        assert np.fromstring(b"\1\2", dtype=np.uint8).tolist() == [1, 2]
        assert np.fromstring("\1\2\3", np.uint8, 2).tolist() == [1, 2]
        assert np.fromstring("1 2.5", sep=" ").tolist() == [1, 2.5]
    with pytest.raises(ValueError, match="binary mode"):
        np.fromstring(b"\1", dtype=np.uint8)

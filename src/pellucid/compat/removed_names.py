"""Names and modules of 2016 that Python, NumPy, SciPy, matplotlib and others have removed since.

Old scripts get them while they run; afterwards the modules are as they were. A target of a table is ``module:name``,
or the name of a function in `FUNCTIONS`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import io
import pickle
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

REMOVED_NAMES = """
collections Callable=collections.abc: Hashable=collections.abc: Iterable=collections.abc: Iterator=collections.abc:
collections Mapping=collections.abc: MutableMapping=collections.abc: MutableSequence=collections.abc:
collections Sequence=collections.abc: Set=collections.abc:
fractions gcd=math:
inspect getargspec=getargspec
itertools ifilter=builtins:filter ifilterfalse=itertools:filterfalse imap=builtins:map izip=builtins:zip
itertools izip_longest=itertools:zip_longest
matplotlib !use=pellucid.compat.script:use_backend
matplotlib.cm get_cmap=matplotlib.pyplot: spectral=matplotlib.cm:nipy_spectral
matplotlib.pyplot !show=pellucid.compat.script:show_figures
matplotlib.pyplot hold=accept_anything ishold=accept_anything spectral=matplotlib.pyplot:nipy_spectral
numpy Inf=numpy:inf Infinity=numpy:inf NaN=numpy:nan PINF=numpy:inf alltrue=numpy:all asfarray=asfarray
numpy asscalar=asscalar bool8=numpy:bool complex=builtins: complex_=numpy:complex128 cumproduct=numpy:cumprod
numpy float=builtins: float_=numpy:float64 in1d=numpy:isin infty=numpy:inf int=builtins: int0=numpy:intp
numpy long=builtins:int mat=numpy:asmatrix msort=msort object=builtins: product=numpy:prod
numpy rank=numpy:ndim round_=numpy:round
numpy row_stack=numpy:vstack sometrue=numpy:any str=builtins: string_=numpy:bytes_ trapz=numpy:trapezoid
numpy unicode=builtins:str unicode_=numpy:str_
os getcwdu=os:getcwd
pickle !load=load_pickle !loads=loads_pickle !dump=dump_pickle
scipy.misc comb=scipy.special: factorial=scipy.special: logsumexp=scipy.special:
scipy.misc imread=imread imresize=imresize imsave=imsave
sklearn.datasets fetch_mldata=fetch_mldata
string atof=builtins:float atoi=builtins:int join=join_strings letters=string:ascii_letters lower=builtins:str.lower
string lowercase=string:ascii_lowercase maketrans=builtins:str.maketrans replace=builtins:str.replace
string split=builtins:str.split strip=builtins:str.strip upper=builtins:str.upper uppercase=string:ascii_uppercase
sys maxint=sys:maxsize setdefaultencoding=accept_anything exc_clear=accept_anything
time clock=time:process_time
urllib quote=urllib.parse: unquote=urllib.parse: urlencode=urllib.parse:
urllib urlopen=urllib.request: urlretrieve=urllib.request:
"""
"""Lost names by module; ``module:`` has the same name. Names with ``!`` replace those of today."""

REMOVED_MODULES = """
cPickle pickle
ConfigParser configparser SafeConfigParser=configparser:ConfigParser
HTMLParser html.parser
Queue queue
StringIO io StringIO=open_string
Tkinter tkinter
__builtin__ builtins
cStringIO io StringIO=open_string
commands subprocess
cookielib http.cookiejar
copy_reg copyreg
exceptions builtins StandardError=builtins:Exception
httplib http.client
imp importlib
md5 hashlib new=hashlib:md5
pkg_resources importlib.metadata get_distribution=get_distribution
scipy.misc scipy.special
six builtins PY2=builtins:False PY3=builtins:True string_types=builtins:str integer_types=builtins:int
six iteritems=iterate_items text_type=builtins:str
six.moves builtins cPickle=pickle input=builtins: urllib=urllib xrange=builtins:range
six.moves.cPickle pickle
six.moves.urllib urllib.request urllib.parse urllib.error request=urllib.request parse=urllib.parse
six.moves.urllib.parse urllib.parse
six.moves.urllib.request urllib.request
sklearn.externals.joblib joblib
thread _thread
urllib2 urllib.request urllib.error urllib.parse
urlparse urllib.parse
"""
"""Removed modules, the modules that have their names today, and further names."""

EARLY = "collections fractions inspect itertools numpy os pickle string sys time urllib"
"""Modules that get their names at once; others get them when they are imported."""


def parse_table(table: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return modules and names of each line, by its first word; lines with the same first word are joined."""
    found: dict[str, tuple[list[str], dict[str, str]]] = {}
    for first, *words in filter(None, map(str.split, table.splitlines())):
        modules, names = found.setdefault(first, ([], {}))
        modules += [word for word in words if "=" not in word]
        names.update((word.split("=")[0], word.split("=")[1]) for word in words if "=" in word)
    return found


NAMES = {module: names for module, (_, names) in parse_table(REMOVED_NAMES).items()}
MODULES = parse_table(REMOVED_MODULES)


def resolve(name: str, target: str) -> Any:
    if target in FUNCTIONS:
        return FUNCTIONS[target]
    return pkgutil.resolve_name(f"{target}{name}" if target.endswith(":") else target)


def add_removed_names(module: ModuleType, undo: list[Callable[[], None]]) -> None:
    """Give a module its lost names, and add functions that undo this to a list."""
    for marked, target in NAMES.get(module.__name__, {}).items():
        name, present = marked.lstrip("!"), vars(module)
        if name in present and name == marked:
            continue
        undo.append(
            functools.partial(setattr, module, name, present[name])
            if name in present
            else functools.partial(present.pop, name, None)
        )
        setattr(module, name, resolve(name, target))


def add_early_names(undo: list[Callable[[], None]]) -> None:
    """Give all modules in `EARLY`, and those that are loaded, their lost names."""
    for name in NAMES:
        module = importlib.import_module(name) if name in EARLY.split() else sys.modules.get(name)
        if module is not None:
            add_removed_names(module, undo)


def create_removed_module(name: str) -> ModuleType:
    """Return a module that is gone, made of those that have its names today."""
    bases, names = MODULES[name]
    module = ModuleType(name, "Stand-in of pellucid.compat for a removed module.")
    for base in bases:
        vars(module).update((k, v) for k, v in vars(importlib.import_module(base)).items() if not k.startswith("__"))
    for own, target in {**names, **NAMES.get(name, {})}.items():
        setattr(module, own, resolve(own, target))
    return module


def getargspec(function: Any) -> Any:
    spec = inspect.getfullargspec(function)
    return SimpleNamespace(args=spec.args, varargs=spec.varargs, keywords=spec.varkw, defaults=spec.defaults)


_LOAD, _LOADS, _DUMP = pickle.load, pickle.loads, pickle.dump


def load_pickle(file: Any, **options: Any) -> Any:
    """Load a pickle, of Python 2 too, also from a file that is open as text."""
    return _LOAD(getattr(file, "buffer", file), **{"encoding": "latin1", **options})


def loads_pickle(data: Any, **options: Any) -> Any:
    return _LOADS(data.encode("latin1") if isinstance(data, str) else data, **{"encoding": "latin1", **options})


def get_distribution(name: str) -> SimpleNamespace:
    try:
        return SimpleNamespace(project_name=name, version=importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return SimpleNamespace(project_name=name, version="unknown")


def imread(name: Any, flatten: bool = False, mode: str | None = None) -> Any:
    """Read an image as an array with Pillow."""
    from PIL import Image

    image = Image.open(name)
    return np.asarray(image.convert("F" if flatten else mode) if flatten or mode else image)


def make_image(array: Any) -> Any:
    """Return an array as an image; other dtypes than bytes are scaled from minimum to maximum, as SciPy did."""
    from PIL import Image

    array = np.asarray(array)
    if array.dtype != np.uint8:
        low, high = array.min(), array.max()
        array = ((array - low) * (255.0 / ((high - low) or 1)) + 0.5).clip(0, 255).astype(np.uint8)
    return Image.fromarray(array)


def imresize(array: Any, size: Any, interp: str = "bilinear") -> Any:
    """Resize an image with Pillow, to a fraction, a percentage, or a (height, width)."""
    from PIL import Image

    image = make_image(array)
    if isinstance(size, (int, float)):
        scale = size / 100 if isinstance(size, int) else size
        size = [int(length * scale) for length in reversed(image.size)]
    resampling = Image.Resampling["BICUBIC" if interp == "cubic" else interp.upper()]
    return np.asarray(image.resize((size[1], size[0]), resampling))


def fetch_mldata(name: str, **options: Any) -> Any:
    raise OSError(
        f"fetch_mldata({name!r}): the server mldata.org is gone. Use sklearn.datasets.fetch_openml, or "
        "pellucid.data.mnist and pellucid.data.digits32, which need no network"
    )


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        f.__name__: f for f in (getargspec, load_pickle, loads_pickle, get_distribution, imread, imresize, fetch_mldata)
    },
    "accept_anything": lambda *args, **options: None,
    "asfarray": lambda array, dtype=np.float64: np.asarray(array, dtype),
    "asscalar": lambda array: np.asarray(array).item(),
    "dump_pickle": lambda value, file, *args, **options: _DUMP(value, getattr(file, "buffer", file), *args, **options),
    "imsave": lambda name, array: make_image(array).save(name),
    "iterate_items": lambda mapping: iter(mapping.items()),
    "join_strings": lambda words, sep=" ": sep.join(words),
    "msort": lambda array: np.sort(array, axis=0),
    "open_string": lambda value="": io.BytesIO(value) if isinstance(value, bytes) else io.StringIO(value),
}

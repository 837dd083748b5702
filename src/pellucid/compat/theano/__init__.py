"""Theano 1.0 on expressions of pellucid.

The modules of Theano are made here, from one table; their contents are in the files of this folder.
"""

import collections
import pickle
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano import functions, gradient, loops, networks, printing, random_streams, variables
from pellucid.compat.theano.configuration import config as config
from pellucid.compat.theano.networks import NNET
from pellucid.compat.theano.tensor_functions import FUNCTIONS, compute_matrix_norm
from pellucid.compat.theano.variables import SharedVariable, TensorType, get_dtype
from pellucid.compat.theano.variables import Variable as Variable

__version__ = version = "1.0.5"

PATTERNS = variables.PATTERNS | {f"tensor{n}": (False,) * n for n in range(3, 8)}
DTYPES = {"b": "int8", "w": "int16", "i": "int32", "l": "int64", "f": "float32", "d": "float64"}
"""Dtypes by the first letter of a maker, such as ``dmatrix``; that of ``matrix`` is ``floatX``."""


def make_several(maker):
    """Return a function such as ``T.matrices``, which takes a number, names or letters."""

    def make(*names, **options):
        several = [None] * names[0] if len(names) == 1 and isinstance(names[0], int) else names
        several = several[0] if len(several) == 1 and isinstance(several[0], str) else several
        made = [maker(name, **options) for name in several]
        return made[0] if len(made) == 1 else made

    return make


def list_makers():
    """Return the makers of variables by name."""
    found = {}
    for kind, pattern in PATTERNS.items():
        makers = {letter + kind: TensorType(dtype, pattern) for letter, dtype in DTYPES.items()}
        makers[kind] = lambda name=None, dtype=None, p=pattern: TensorType(get_dtype(dtype), p)(name)
        found |= makers | {f"{n[:-2]}ices" if kind == "matrix" else f"{n}s": make_several(m) for n, m in makers.items()}
    return found


def pick(module, names):
    return {name: getattr(module, name) for name in names.split()}


GRAPH = pick(loops, "inputs ancestors is_same_graph") | pick(variables, "Variable Apply")
GRAPH["Constant"] = variables.TensorConstant
RANDOM = pick(random_streams, "RandomStreams MRG_RandomStreams")
GRADIENTS = pick(gradient, "grad jacobian hessian Rop Lop verify_grad consider_constant DisconnectedInputError")
CLASSES = pick(variables, "TensorType TensorVariable TensorConstant TensorSharedVariable Variable Elemwise")
CONVOLUTIONS = {
    "conv2d": networks.convolve,
    "conv3d": networks.convolve,
    "conv2d_grad_wrt_inputs": networks.differentiate_input,
    **{f"AbstractConv{n}d_gradInputs": networks.InputGradient for n in (2, 3)},
    **{f"AbstractConv{n}d_gradWeights": networks.KernelGradient for n in (2, 3)},
}
XLOGX = {name: FUNCTIONS.pop(name) for name in ("xlogx", "xlogy0")}
BATCH_NORMALIZATION = {name: f for name, f in NNET.items() if name.startswith("batch_normalization")}
POOLING = pick(networks, "pool_2d pool_3d max_pool_2d_same_size")
INPUTS = pick(functions, "In Out Param function shared Mode DebugMode NanGuardMode MonitorMode UnusedInputError")
LOOPS = pick(loops, "scan reduce foldl foldr until clone equal_computations") | {"map": loops.map_}
DRAWS = "uniform normal binomial random_integers permutation multinomial choice"
NO_GPU = {"cuda_available": False, "cuda_enabled": False, "pygpu_activated": False}
NO_GPU["dnn"] = SimpleNamespace(dnn_present=lambda: False, dnn_available=lambda: False)

MODULES = {
    "tensor": FUNCTIONS | list_makers() | GRADIENTS | CLASSES,
    "tensor.basic tensor.extra_ops tensor.sort tensor.slinalg": FUNCTIONS,
    "tensor.var tensor.sharedvar tensor.elemwise": CLASSES,
    "tensor.signal sandbox misc": {},
    "tensor.nlinalg": FUNCTIONS
    | {**dict.fromkeys(["alloc_diag", "extract_diag"], FUNCTIONS["diag"]), "norm": compute_matrix_norm},
    "tensor.xlogx": XLOGX,
    "tensor.shared_randomstreams sandbox.rng_mrg": RANDOM,
    "tensor.raw_random": {name: random_streams.draw_from_state(name) for name in DRAWS.split()}
    | {"random_state_type": lambda name=None: random_streams.RandomStreams()},
    "tensor.nnet tensor.nnet.nnet": NNET,
    "tensor.nnet.conv tensor.nnet.abstract_conv": CONVOLUTIONS,
    "tensor.nnet.bn": BATCH_NORMALIZATION,
    "tensor.nnet.neighbours": {"images2neibs": networks.images2neibs},
    "tensor.signal.pool": POOLING,
    "tensor.signal.downsample": POOLING | {"max_pool_2d": networks.max_pool_2d},
    "tensor.signal.conv": {"conv2d": networks.convolve_planes},
    "scalar": {"upcast": variables.upcast},
    "sandbox.cuda gpuarray": NO_GPU,
    "gof gof.graph": GRAPH,
    "compile": INPUTS | {"SharedVariable": SharedVariable},
    "compile.io compile.debugmode compile.nanguardmode compile.monitormode": INPUTS,
    "compile.mode": INPUTS | {"get_default_mode": functions.Mode, "get_mode": lambda mode: functions.Mode()},
    "scan_module scan_module.scan_utils": LOOPS,
    "ifelse": {"ifelse": loops.ifelse},
    "compat compat.python2x": pick(collections, "OrderedDict Counter defaultdict deque")
    | {"PY3": True, "izip": zip, "imap": map, "ifilter": filter},
    "misc.pkl_utils": {
        "dump": lambda obj, file_handler, protocol=4, **options: pickle.dump(obj, file_handler, 4),
        "load": lambda f, **options: pickle.load(f),
    },
}
"""Contents of Theano's modules, by the names of the modules that share them. `gradient` and `printing` are files."""


def make_modules():
    """Make the modules of the table, importable under this package."""
    for names, contents in MODULES.items():
        for name in names.split():
            module = ModuleType(f"{__name__}.{name}", f"``theano.{name}`` on pellucid.")
            module.__dict__.update(contents, __path__=[], __spec__=ModuleSpec(module.__name__, None, is_package=True))
            add_missing_name_errors(vars(module), f"theano.{name}")
            sys.modules[module.__name__] = module
            parent, _, last = module.__name__.rpartition(".")
            if not callable(vars(sys.modules[parent]).get(last)):  # T.sort and T.var are functions
                setattr(sys.modules[parent], last, module)
    for file in (gradient, printing):
        add_missing_name_errors(vars(file), f"theano.{file.__name__.rpartition('.')[2]}")


make_modules()
theano = sys.modules[__name__]  # Theano imports its own modules, as in `import theano.tests`, and so has this name
globals().update(pick(functions, "In Mode Out Param function shared") | pick(gradient, "Lop Rop grad"))
globals().update(pick(loops, "clone foldl foldr reduce scan") | pick(printing, "debugprint pp pprint"))
globals().update(map=loops.map_, dprint=printing.debugprint, dot=FUNCTIONS["dot"], Constant=variables.TensorConstant)
add_missing_name_errors(globals(), "theano")

"""Angles, polar coordinates, complex numbers and trigonometry of tiny and huge arguments."""

from stability.case import case

X = (3, 1e25, 1e-25, -1e25, 1e30, -2, 1e-30)
Y = (4, 2e25, 3e-25, 1e24, 1, 1e-6, 1e-20)
Z = (5, 1e25, 1e-25, 3e25, 1e30, 2, 1e-25)
RIGHT = (3, 1e25, 1e-25, 1e30, 2, 1e20)
SMALL = (0.5, 1e-3, -1e-4, 1e-8, 2, -1)

POLAR = [
    case("arctan2(y, x)", x=X, y=Y),
    case("arctan2(y, x) ** 2", x=X, y=Y),
    case("arctan2(y - b, x - a)", x=X[:3], y=Y[:3], a=(1, -1e25, 2e-25), b=(1, 1e25, 1e-25)),
    case("arctan2(sqrt(x ** 2 + y ** 2), z)", x=X, y=Y, z=Z),
    case("arctan2(b, a) - arctan2(y, x)",
         x=X[:5], y=Y[:5], a=(4, 1e25, 2e-25, 1e20, 1), b=(3, 1e24, 1e-25, 1e21, 1e30)),
    case("arctan2(a * y - b * x, a * x + b * y)",
         x=(3, 1e20, 1e-22), y=(4, 2e20, 3e-22), a=(4, 1e25, 2e-25), b=(3, 1e24, 1e-25)),
    case("sin(arctan2(y, x))", x=X, y=Y),
    case("arctan(y / x)", x=X, y=Y),
    case("2 * arctan(y / (sqrt(x ** 2 + y ** 2) + x))", x=X, y=Y),
    case("arccos(x / sqrt(x ** 2 + y ** 2))", x=(3, 1e25, 1e-25, 1e4, 2), y=(4, 2e25, 3e-25, 1, 1e-3)),
    case("arcsin(y / sqrt(x ** 2 + y ** 2))", x=(3, 1e25, 1e-25, 1, 1e-3), y=(4, 2e25, 3e-25, 1e4, 2)),
    case("arctan(x) - arctan(y)", x=(3, 1e10, -1e8, 0.5), y=(4, 1e9, -1e7, 0.5001)),
    case("arctan(x + 1) - arctan(x)", x=(3, 1000, 1e6, 1e15)),
    case("1.5707963267948966 - arctan(x)", x=(3, 1000, 1e8, -0.5)),
]  # fmt: skip

COMPLEX = [
    case("0.5 * log(x ** 2 + y ** 2)", x=(3, 1e25, 1e-25, 1, 0.6, 0), y=(4, 2e25, 3e-25, 1e-4, 0.80001, 1e-30)),
    case("log(sqrt(x ** 2 + y ** 2))", x=(3, 1e25, 1e-25, 1, 0.6, 0), y=(4, 2e25, 3e-25, 1e-4, 0.80001, 1e-30)),
    case("x / (x ** 2 + y ** 2)", x=X, y=Y),
    case("(a * x + b * y) / (x ** 2 + y ** 2)",
         x=(3, 1e25, 1e-25, 1), y=(4, 2e25, 3e-25, 1e30), a=(1, 1e25, 1e-20, 1), b=(2, -1e20, 1e-25, 1e30)),
    case("1 / sqrt(x ** 2 + y ** 2 + z ** 2)", x=X, y=Y, z=Z),
    case("x / (x ** 2 + y ** 2 + z ** 2) ** 1.5",
         x=(3, 1e15, 1e-15, 1), y=(4, 2e15, 3e-15, 2), z=(5, 1e14, 1e-16, 1e12)),
    case("sqrt((sqrt(x ** 2 + y ** 2) + x) / 2)", x=X, y=Y),
    case("sqrt((sqrt(x ** 2 + y ** 2) - x) / 2)", x=X[:6], y=Y[:6]),
    case("sqrt((hypot(x, y) + x) / 2)", x=X, y=Y),
    case("sqrt(x ** 2 + y ** 2) - x", x=X[:6], y=Y[:6]),
    case("(x ** 2 - y ** 2) / (x ** 2 + y ** 2)", x=(3, 1e25, 1e-25, 1.0001), y=(4, 2e25, 3e-25, 1)),
    case("2 * x * y / (x ** 2 + y ** 2)", x=X, y=Y),
]  # fmt: skip

SPHERE = [
    case("2 * arcsin(sqrt(sin((a - b) / 2) ** 2 + cos(a) * cos(b) * sin((c - d) / 2) ** 2))",
         a=(0.5, 1, 0.25, 1), b=(0.25, 1, 0.25, 1), c=(1, 2, 0.5, 2), d=(2, 2.0001, 0.5001, 2)),
    case("arccos(sin(a) * sin(b) + cos(a) * cos(b) * cos(c - d))",
         a=(0.5, 1, 0.25), b=(0.25, 1.001, 0.2501), c=(1, 2, 0.5), d=(2, 2.0001, 0.5001)),
    case("sqrt(a ** 2 + b ** 2 - 2 * a * b * cos(c))",
         a=(3, 1, 1e25, 2), b=(4, 1.0001, 2e25, 2.5), c=(1, 1e-4, 0.5, 1e-3)),
    case("1 - cos(x - y)", x=(1, 2, 3), y=(0.5, 1.9999, 3.01)),
    case("1 - cos(x) * cos(y) - sin(x) * sin(y)", x=(1, 2, 3), y=(0.5, 1.9999, 3.01)),
    case("r - sqrt(r ** 2 - x ** 2)", r=(5, 6.4e6, 1e25, 1e-20), x=(3, 10, 1e20, 1e-23)),
    case("sqrt(r ** 2 + x ** 2) - r", r=(5, 6.4e6, 1e25, 1e-20), x=(3, 10, 1e20, 1e-23)),
    case("sqrt(s * (s - a) * (s - b) * (s - c))",
         s=(6, 6e12, 6e-12, 1e15), a=(3, 3e12, 3e-12, 1), b=(4, 4e12, 4e-12, 2), c=(5, 5e12, 5e-12, 3)),
]  # fmt: skip

TRIGONOMETRY = [
    case("sin(x + h) - sin(x)", x=(1, 0.5, 2, -3), h=(1e-3, 1e-6, 0.5, 1e-4)),
    case("cos(x + h) - cos(x)", x=(1, 0.5, 2, -3), h=(1e-3, 1e-6, 0.5, 1e-4)),
    case("tan(x + h) - tan(x)", x=(1, 0.5, -1), h=(1e-3, 1e-6, 0.25)),
    case("x - sin(x)", x=SMALL),
    case("tan(x) - x", x=SMALL[:4]),
    case("tan(x) - sin(x)", x=(0.5, 1e-2, -1e-3, 1)),
    case("1 / x - 1 / tan(x)", x=(0.5, 1e-3, -1e-4, 1)),
    case("1 / sin(x) - 1 / x", x=(0.5, 1e-3, -1e-4, 1)),
    case("(1 - cos(x)) / x", x=SMALL),
    case("(sin(x) - x * cos(x)) / x ** 2", x=(*SMALL[:3], 2, -1)),
    case("cos(x) ** 2 - sin(x) ** 2", x=(0.5, 0.7854, 1e-3, 2)),
]  # fmt: skip

HELDOUT = [*POLAR, *COMPLEX, *SPHERE, *TRIGONOMETRY]

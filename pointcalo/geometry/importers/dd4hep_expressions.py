"""Values of DD4hep compact files: arithmetic with constants and units, never `eval`.

DD4hep counts lengths in cm and angles in rad, so a bare number is one of these. Whether a value is
a length is asked of its behaviour: it must double, or stay, when all lengths double, and must not
change with any other unit.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

LENGTHS = {
    **{"nm": 1e-7, "nanometer": 1e-7, "um": 1e-4, "micrometer": 1e-4, "micron": 1e-4},
    **{"mm": 0.1, "millimeter": 0.1, "cm": 1.0, "centimeter": 1.0},
    **{"m": 100.0, "meter": 100.0, "km": 1e5, "kilometer": 1e5},
}
NUMBERS = {
    **{"pi": math.pi, "M_PI": math.pi, "twopi": 2.0 * math.pi, "e": math.e},
    **{"rad": 1.0, "radian": 1.0, "mrad": 1e-3, "milliradian": 1e-3},
    **{"deg": math.pi / 180.0, "degree": math.pi / 180.0},
}
OTHER_UNITS = {
    **{"eV": 1e-9, "keV": 1e-6, "MeV": 1e-3, "GeV": 1.0, "TeV": 1e3},
    **{"ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "second": 1e9},
    **{"tesla": 1.0, "gauss": 1e-4, "kilogauss": 0.1, "volt": 1.0, "kelvin": 1.0},
    **{"g": 1.0, "gram": 1.0, "mg": 1e-3, "kg": 1e3, "mole": 1.0, "pascal": 1.0, "bar": 1e5},
}
FUNCTIONS: dict[str, Callable[..., float]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan")},
    **{name: getattr(math, name) for name in ("atan2", "sinh", "cosh", "tanh", "sqrt", "exp")},
    **{name: getattr(math, name) for name in ("log", "log10", "floor", "ceil", "pow")},
    **{"abs": abs, "min": min, "max": max},
}
OPERATORS: dict[type, Callable[..., float]] = {
    **{ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul},
    **{ast.Div: operator.truediv, ast.Pow: math.pow, ast.Mod: operator.mod},
    **{ast.UAdd: operator.pos, ast.USub: operator.neg},
}

LONGEST = 1000  # characters of an expression
DEEPEST = 100  # constants that refer to one another
CASTS = re.compile(r"\(\s*(int|double|float)\s*\)")


@dataclass(frozen=True)
class Scale:
    """Sizes of units, and the values that constants have with them."""

    units: dict[str, float]
    values: dict[str, float] = field(default_factory=dict)


class Constants:
    """The constants of a compact file and what expressions of them are worth.

    Args:
        texts: expressions of each constant; more than one where it is defined more than once.
        not_followed: includes that were not read, for the message on an unknown name.
    """

    def __init__(
        self, texts: Mapping[str, Sequence[str]], not_followed: Sequence[str] = ()
    ) -> None:
        self.texts = texts
        self.not_followed = not_followed

    def number(self, what: str, text: str) -> float:
        """A number without unit.

        Raises:
            ValueError: anything else; names `what`, the expression and the fault.
        """
        value = self._value(what, text, self._as_is)
        if value != self._value(what, text, self._all_doubled):
            raise ValueError(f"{what} is {text!r}; expected a number without unit")
        return value

    def length_mm(self, what: str, text: str) -> float:
        """A length in mm; a bare number counts as cm, as in DD4hep.

        Raises:
            ValueError: anything else; names `what`, the expression and the fault.
        """
        value = self._value(what, text, self._as_is)
        longer = self._value(what, text, self._longer)
        other = self._value(what, text, self._others_doubled)
        low, high = sorted((value, 2.0 * value))
        if other != value or not low - 1e-9 * abs(low) <= longer <= high + 1e-9 * abs(high):
            raise ValueError(f"{what} is {text!r}, which is no length; expected one as in 2*mm")
        # Rounded as 2.1*mm would be 2.1000000000000001 or the like.
        return round(10.0 * value, 9)

    def text(self, name: str) -> str:
        """The expression of a constant, as it stands in the file.

        Raises:
            ValueError: a constant that is not defined, or defined differently twice.
        """
        found = self.texts.get(name)
        if found is None:
            unread = f" (not followed: {', '.join(self.not_followed)})" if self.not_followed else ""
            raise ValueError(f"unknown constant or unit {name!r}; define it in <define>{unread}")
        if len(set(found)) > 1:
            raise ValueError(f"constant {name!r} is defined as {found[0]!r} and as {found[-1]!r}")
        return found[0]

    @cached_property
    def _as_is(self) -> "Scale":
        return Scale({**NUMBERS, **LENGTHS, **OTHER_UNITS})

    @cached_property
    def _longer(self) -> "Scale":
        return Scale({**NUMBERS, **_doubled(LENGTHS), **OTHER_UNITS})

    @cached_property
    def _others_doubled(self) -> "Scale":
        return Scale({**NUMBERS, **LENGTHS, **_doubled(OTHER_UNITS)})

    @cached_property
    def _all_doubled(self) -> "Scale":
        return Scale({**NUMBERS, **_doubled(LENGTHS), **_doubled(OTHER_UNITS)})

    def _value(self, what: str, text: str, scale: Scale) -> float:
        try:
            value = self._expression(text, scale, ())
        except (ValueError, ArithmeticError, TypeError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{what} is {text!r:.80}: {reason}") from error
        if not math.isfinite(value):
            raise ValueError(f"{what} is {text!r:.80}, which is not finite")
        return value

    def _expression(self, text: str, scale: Scale, within: tuple[str, ...]) -> float:
        plain = CASTS.sub("", text).replace("^", "**").strip()
        if len(plain) > LONGEST:
            raise ValueError(f"it has {len(plain)} characters; expected at most {LONGEST}")
        try:
            tree = ast.parse(plain, mode="eval")
        except (SyntaxError, MemoryError) as error:
            raise ValueError("it is no arithmetic expression") from error
        return self._node(tree.body, scale, within)

    def _node(self, node: ast.expr, scale: Scale, within: tuple[str, ...]) -> float:
        def value(part: ast.expr) -> float:
            return self._node(part, scale, within)

        match node:
            # Floats throughout: a tower of integer powers would take for ever.
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name):
                return self._constant(name, scale, within)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(left), value(right))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(operand))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                return float(FUNCTIONS[name](*map(value, args)))
        raise ValueError("it is no arithmetic of numbers, constants, units and plain functions")

    def _constant(self, name: str, scale: Scale, within: tuple[str, ...]) -> float:
        if name in within:
            raise ValueError(f"constants refer to one another: {' -> '.join((*within, name))}")
        if len(within) > DEEPEST:
            raise ValueError(f"more than {DEEPEST} constants refer to one another")
        if name in self.texts or name not in scale.units:
            if name not in scale.values:
                scale.values[name] = self._expression(self.text(name), scale, (*within, name))
            return scale.values[name]
        return scale.units[name]


def _doubled(units: Mapping[str, float]) -> dict[str, float]:
    return {unit: 2.0 * size for unit, size in units.items()}

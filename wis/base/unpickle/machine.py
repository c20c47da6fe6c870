"""Read the opcodes of a pickle without executing them.

Python's own unpickler imports the names in a file and calls them. This one records each call in the
nodes of `wis.base.unpickle.nodes`, and our own code later makes the objects of known names. So a
file cannot reach a class, a function, a method or an allow-list of torch or PyG. An unknown name is
refused at once.

Every length is compared with the rest of the file before that many bytes are read. Only small
integers are hashed or compared. Opcodes: https://docs.python.org/3/library/pickletools.html.
"""

from __future__ import annotations

import _compat_pickle
import pickle
import struct
from collections.abc import Callable, Container
from typing import Any, BinaryIO

from wis.base.unpickle.nodes import Made, Members, Name, Pairs, Stored, damaged, refused
from wis.errors import WisError

LONGEST_NAME = 255
LONGEST_INTEGER = 16  # bytes: the magic number of torch's old format has ten
_LONGEST_LINE = 64
_SHORT = 1 << 20
BYTES_PER_STEP = 128  # an opcode of one byte makes at most an empty dictionary


class Machine:
    """One pickle in a file of `end` bytes, which is open at its first byte.

    `known` holds the pairs of module and qualified name that it may use; its nodes take at most
    `max_bytes` of memory.
    """

    def __init__(
        self, file: BinaryIO, end: int, known: Container[tuple[str, str]], max_bytes: int
    ) -> None:
        self.file, self.read, self.end = file, file.read, end
        self.known, self.max_steps = known, max_bytes // BYTES_PER_STEP
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.stored: list[Stored] = []

    def load(self) -> Any:
        """Read the pickle and return its root node; the file stays at the byte after it.

        Raises:
            UnsafePickleError: The pickle has an unknown name.
            GraphFormatError: The pickle is damaged.
        """
        read, handlers = self.read, _HANDLERS
        try:
            for _ in range(self.max_steps):
                code = read(1)
                if code == pickle.STOP:
                    return self.stack.pop()
                handlers[code](self)
        except WisError:
            raise
        except (IndexError, KeyError):  # an opcode needs more than the stack or the memo holds
            raise damaged("its pickle is incomplete") from None
        except (struct.error, ValueError):
            raise damaged("its pickle holds a malformed number or text") from None
        raise damaged("its pickle needs more memory than allowed")

    # Reading

    def exactly(self, length: int) -> bytes:
        """Read `length` bytes."""
        if length > _SHORT and length > self.end - self.file.tell():
            raise damaged("its pickle ends too early")
        raw = self.read(length)
        if len(raw) != length:
            raise damaged("its pickle ends too early")
        return raw

    def number(self, form: str) -> Any:
        """Read a number in a format of `struct`."""
        return struct.unpack(form, self.read(struct.calcsize(form)))[0]

    def line(self) -> str:
        """Read the digits of a number, which end with the line."""
        line = self.file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise damaged("its pickle holds an incomplete number")
        return line[:-1].decode()

    def marked(self) -> list[Any]:
        """Pop the items above the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    # Nodes

    def name(self, module: Any, name: Any) -> None:
        """Push a name; raises if it is unknown."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise damaged("its pickle holds a name that is not a text")
        if len(module) + len(name) > LONGEST_NAME:
            raise refused(f"{module}.{name}")
        if (module, name) in _compat_pickle.NAME_MAPPING:
            module, name = _compat_pickle.NAME_MAPPING[module, name]
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        if (module, name) not in self.known:
            raise refused(f"{module}.{name}")
        self.stack.append(Name(module, name))

    def make(self, maker: Any, arguments: Any) -> None:
        """Push the record of a call."""
        if not isinstance(maker, (Name, Made)) or not isinstance(arguments, tuple):
            raise damaged("its pickle calls an object that is not a class")
        if isinstance(maker, Name) and maker.module == "copyreg":
            maker, arguments = _of_copyreg(arguments)
        self.stack.append(Made(maker, arguments))

    def pair(self, values: list[Any]) -> None:
        """Add keys and values to the dictionary on the stack."""
        target = self.stack[-1]
        if not isinstance(target, (Pairs, Made)) or len(values) % 2:
            raise damaged("its pickle adds entries to an object that is not a dictionary")
        if target.pairs is None:
            target.pairs = []
        target.pairs.extend(zip(values[::2], values[1::2], strict=True))

    def extend(self, values: list[Any]) -> None:
        """Append values to the list on the stack."""
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, Made):
            if target.members is None:
                target.members = []
            target.members.extend(values)
        else:
            raise damaged("its pickle appends to an object that is not a list")

    def add(self, values: list[Any]) -> None:
        """Add values to the set on the stack."""
        target = self.stack[-1]
        if not isinstance(target, Members) or target.members is None or target.frozen:
            raise damaged("its pickle adds to an object that is not a set")
        target.members.extend(values)

    def build(self) -> None:
        """Record the state of an object; a second state is refused."""
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Made) or target.has_state:
            raise damaged("its pickle gives a state to an object that cannot have one")
        target.state, target.has_state = state, True

    def storage(self) -> None:
        """Push the key of the bytes of a tensor."""
        match self.stack.pop():
            case (str() as kind, Name() as type_, str() as key, str(), int() as size, *rest):
                if kind != "storage" or rest not in ([], [None]) or size < 0:
                    raise damaged("its pickle refers to data that are not the storage of a tensor")
                self.stored.append(Stored(type_, key, size))
                self.stack.append(self.stored[-1])
            case _:
                raise damaged("its pickle refers to data that are not the storage of a tensor")


def _of_copyreg(arguments: tuple[Any, ...]) -> tuple[Name, tuple[Any, ...]]:
    """The class and arguments in `copyreg._reconstructor(class, object, None)` of old protocols."""
    match arguments:
        case (Name() as made, Name(module="builtins", name="object"), None):
            return made, ()
        case (Name() as made, Name(module="builtins", name="tuple"), tuple() as parts):
            return made, parts
    raise damaged("its pickle rebuilds an object in an unknown way")


def _integer(raw: bytes) -> int:
    if len(raw) > LONGEST_INTEGER:
        raise damaged("its pickle holds an integer of more than 128 bits")
    return int.from_bytes(raw, "little", signed=True)


def _decimal(text: str) -> int | bool:
    if text in ("00", "01"):  # truth values of protocol 0
        return text == "01"
    number = int(text.removesuffix("L"))
    if number.bit_length() >= 8 * LONGEST_INTEGER:
        raise damaged("its pickle holds an integer of more than 128 bits")
    return number


def _old_text(raw: bytes) -> str:
    """Decode a text that Python 2 wrote."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _pushes(value: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    def handler(machine: Machine) -> None:
        made = value(machine)  # this may replace the stack
        machine.stack.append(made)

    return handler


def _mark(machine: Machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _put(key: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def handler(machine: Machine) -> None:
        machine.memo[key(machine)] = machine.stack[-1]

    return handler


def _top(count: int) -> Callable[[Machine], None]:
    """Replace the last `count` items by a tuple."""

    def handler(machine: Machine) -> None:
        stack = machine.stack
        if len(stack) < count:
            raise IndexError
        stack[-count:] = [tuple(stack[-count:])]

    return handler


def _pop_two(machine: Machine, act: Callable[[Any, Any], None]) -> None:
    second = machine.stack.pop()
    act(machine.stack.pop(), second)


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.marked()


def _name_line(machine: Machine) -> str:
    """Read one of the two lines of a name; an overlong line is refused before its end is read."""
    line = machine.file.readline(LONGEST_NAME + 2)
    if len(line) > LONGEST_NAME + 1:
        raise refused(f"{line.decode('ascii', 'replace')}...")
    if not line.endswith(b"\n"):
        raise damaged("its pickle ends too early")
    return line[:-1].decode()


_BYTE = "B"
_SIZED: dict[bytes, tuple[str, Callable[[bytes], Any]]] = {
    pickle.LONG1: (_BYTE, _integer),
    pickle.LONG4: ("<I", _integer),
    pickle.SHORT_BINUNICODE: (_BYTE, bytes.decode),
    pickle.BINUNICODE: ("<I", bytes.decode),
    pickle.BINUNICODE8: ("<Q", bytes.decode),
    pickle.SHORT_BINSTRING: (_BYTE, _old_text),
    pickle.BINSTRING: ("<I", _old_text),
    pickle.SHORT_BINBYTES: (_BYTE, bytes),
    pickle.BINBYTES: ("<I", bytes),
    pickle.BINBYTES8: ("<Q", bytes),
    pickle.BYTEARRAY8: ("<Q", bytearray),
}
"""Opcodes with a length and that many bytes: the format of the length, and a decoder."""


def _sized(form: str, value: Callable[[bytes], Any]) -> Callable[[Machine], None]:
    return _pushes(lambda m: value(m.exactly(m.number(form))))


_HANDLERS: dict[bytes, Callable[[Machine], object]] = {
    **{code: _sized(*row) for code, row in _SIZED.items()},
    pickle.PROTO: lambda m: m.read(1),
    pickle.FRAME: lambda m: m.read(8),
    pickle.MARK: _mark,
    pickle.POP: _pop,
    pickle.POP_MARK: lambda m: m.marked(),
    pickle.NONE: _pushes(lambda m: None),
    pickle.NEWTRUE: _pushes(lambda m: True),
    pickle.NEWFALSE: _pushes(lambda m: False),
    pickle.BININT1: _pushes(lambda m: m.number(_BYTE)),
    pickle.BININT2: _pushes(lambda m: m.number("<H")),
    pickle.BININT: _pushes(lambda m: m.number("<i")),
    pickle.BINFLOAT: _pushes(lambda m: m.number(">d")),
    pickle.INT: _pushes(lambda m: _decimal(m.line())),
    pickle.LONG: _pushes(lambda m: _decimal(m.line())),
    pickle.EMPTY_TUPLE: _pushes(lambda m: ()),
    pickle.TUPLE1: _top(1),
    pickle.TUPLE2: _top(2),
    pickle.TUPLE3: _top(3),
    pickle.TUPLE: _pushes(lambda m: tuple(m.marked())),
    pickle.EMPTY_LIST: _pushes(lambda m: []),
    pickle.APPEND: lambda m: m.extend([m.stack.pop()]),
    pickle.APPENDS: lambda m: m.extend(m.marked()),
    pickle.EMPTY_DICT: _pushes(lambda m: Pairs([])),
    pickle.SETITEM: lambda m: _pop_two(m, lambda key, value: m.pair([key, value])),
    pickle.SETITEMS: lambda m: m.pair(m.marked()),
    pickle.EMPTY_SET: _pushes(lambda m: Members([], frozen=False)),
    pickle.FROZENSET: _pushes(lambda m: Members(m.marked(), frozen=True)),
    pickle.ADDITEMS: lambda m: m.add(m.marked()),
    pickle.BINPUT: _put(lambda m: m.number(_BYTE)),
    pickle.LONG_BINPUT: _put(lambda m: m.number("<I")),
    pickle.MEMOIZE: _put(lambda m: len(m.memo)),
    pickle.BINGET: _pushes(lambda m: m.memo[m.number(_BYTE)]),
    pickle.LONG_BINGET: _pushes(lambda m: m.memo[m.number("<I")]),
    pickle.GLOBAL: lambda m: m.name(_name_line(m), _name_line(m)),
    pickle.STACK_GLOBAL: lambda m: _pop_two(m, m.name),
    pickle.REDUCE: lambda m: _pop_two(m, m.make),
    pickle.NEWOBJ: lambda m: _pop_two(m, m.make),
    pickle.BUILD: lambda m: m.build(),
    pickle.BINPERSID: lambda m: m.storage(),
}
"""The opcodes of `torch.save` in protocols 1 to 5, without those that refer to code or memory
outside of the file: extensions, buffers and ids that are texts."""

"""Reads the opcodes of a pickle without doing what they say.

Python's own unpickler looks names up, calls them and hands states to them. This one writes down
which name is called with what, in the nodes of `wis.base.unpickle.nodes`; what may come of a name
is decided later, by our own code. So a file reaches no class, no function, no method and no
allow-list of torch or PyG, whatever it names. A name that is not known is refused on sight.

Lengths are compared with what is left of the file before anything of that length is read, and
nothing is hashed or compared but small integers. Opcodes: https://docs.python.org/3/library/
pickletools.html.
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
LONGEST_INTEGER = 16  # bytes: the magic number of torch's old format takes ten
_LONGEST_LINE = 64
_SHORT = 1 << 20
BYTES_PER_STEP = 128  # the most that an opcode of one byte makes, an empty dictionary


class Machine:
    """One pickle in a file.

    Args:
        file: Open at the first byte of the pickle.
        end: Where the file ends.
        known: The names, as pairs of module and qualified name, that a file may use.
        max_bytes: What the nodes may take.
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
        """Read up to the end of the pickle; the file is then open at the byte after it.

        Raises:
            UnsafePickleError: The pickle names something that is not known.
            GraphFormatError: It is damaged.
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
        except (IndexError, KeyError):  # the stack, or the memo, holds less than is asked of it
            raise damaged("its pickle is incomplete") from None
        except (struct.error, ValueError):
            raise damaged("its pickle holds a number or a text that is none") from None
        raise damaged("its pickle is longer than reading may take of memory")

    # Reading

    def exactly(self, length: int) -> bytes:
        """So many bytes."""
        if length > _SHORT and length > self.end - self.file.tell():
            raise damaged("its pickle ends too early")
        raw = self.read(length)
        if len(raw) != length:
            raise damaged("its pickle ends too early")
        return raw

    def number(self, form: str, length: int) -> int:
        """A number of fixed length."""
        return int(struct.unpack(form, self.read(length))[0])

    def line(self) -> str:
        """A number in digits, up to the end of the line."""
        line = self.file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise damaged("its pickle holds half a number")
        return line[:-1].decode()

    def marked(self) -> list[Any]:
        """What lies above the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    # Nodes

    def name(self, module: Any, name: Any) -> None:
        """Note a name, if it is known."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise damaged("its pickle names something by no text")
        if len(module) + len(name) > LONGEST_NAME:
            raise refused(f"{module}.{name}")
        if (module, name) in _compat_pickle.NAME_MAPPING:
            module, name = _compat_pickle.NAME_MAPPING[module, name]
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        if (module, name) not in self.known:
            raise refused(f"{module}.{name}")
        self.stack.append(Name(module, name))

    def make(self, maker: Any, arguments: Any) -> None:
        """Note that something is to be made."""
        if not isinstance(maker, (Name, Made)) or not isinstance(arguments, tuple):
            raise damaged("its pickle calls what is no class")
        if isinstance(maker, Name) and maker.module == "copyreg":
            maker, arguments = _of_copyreg(arguments)
        self.stack.append(Made(maker, arguments))

    def pair(self, values: list[Any]) -> None:
        """Put keys and values into the dictionary on the stack."""
        target = self.stack[-1]
        if not isinstance(target, (Pairs, Made)) or len(values) % 2:
            raise damaged("its pickle puts entries into what is no dictionary")
        if target.pairs is None:
            target.pairs = []
        target.pairs.extend(zip(values[::2], values[1::2], strict=True))

    def extend(self, values: list[Any]) -> None:
        """Put values into the list on the stack."""
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, Made):
            if target.members is None:
                target.members = []
            target.members.extend(values)
        else:
            raise damaged("its pickle appends to what is no list")

    def add(self, values: list[Any]) -> None:
        """Put values into the set on the stack."""
        target = self.stack[-1]
        if not isinstance(target, Members) or target.members is None or target.frozen:
            raise damaged("its pickle adds to what is no set")
        target.members.extend(values)

    def build(self) -> None:
        """Note a state; there is one at most, so that none is put on top of another."""
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Made) or target.has_state:
            raise damaged("its pickle gives a state to what takes none")
        target.state, target.has_state = state, True

    def storage(self) -> None:
        """Note where the bytes of a tensor are."""
        match self.stack.pop():
            case (str() as kind, Name() as type_, str() as key, str(), int() as size, *rest):
                if kind != "storage" or rest not in ([], [None]) or size < 0:
                    raise damaged("its pickle names no storage of a tensor")
                self.stored.append(Stored(type_, key, size))
                self.stack.append(self.stored[-1])
            case _:
                raise damaged("its pickle names no storage of a tensor")


def _of_copyreg(arguments: tuple[Any, ...]) -> tuple[Name, tuple[Any, ...]]:
    """What `copyreg._reconstructor(class, object, None)` of the oldest protocols makes."""
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
    if text in ("00", "01"):  # how protocol 0 writes a truth value
        return text == "01"
    number = int(text.removesuffix("L"))
    if number.bit_length() >= 8 * LONGEST_INTEGER:
        raise damaged("its pickle holds an integer of more than 128 bits")
    return number


def _old_text(raw: bytes) -> str:
    """A text that Python 2 wrote."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _pushes(value: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    def handler(machine: Machine) -> None:
        made = value(machine)  # may take another stack
        machine.stack.append(made)

    return handler


def _mark(machine: Machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _put(machine: Machine, key: int) -> None:
    machine.memo[key] = machine.stack[-1]


def _top(count: int) -> Callable[[Machine], None]:
    """A tuple of the last few."""

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


def _global(machine: Machine) -> None:
    machine.name(_name_line(machine), _name_line(machine))


def _name_line(machine: Machine) -> str:
    """One of the two lines of a name; a long one is no name, and is not read to its end."""
    line = machine.file.readline(LONGEST_NAME + 2)
    if len(line) > LONGEST_NAME + 1:
        raise refused(f"{line.decode('ascii', 'replace')}...")
    if not line.endswith(b"\n"):
        raise damaged("its pickle ends too early")
    return line[:-1].decode()


def _text(machine: Machine, length: int) -> str:
    return machine.exactly(length).decode()


_HANDLERS: dict[bytes, Callable[[Machine], object]] = {
    pickle.PROTO: lambda m: m.read(1),
    pickle.FRAME: lambda m: m.read(8),
    pickle.MARK: _mark,
    pickle.POP: _pop,
    pickle.POP_MARK: lambda m: m.marked(),
    pickle.NONE: _pushes(lambda m: None),
    pickle.NEWTRUE: _pushes(lambda m: True),
    pickle.NEWFALSE: _pushes(lambda m: False),
    pickle.BININT1: _pushes(lambda m: m.read(1)[0]),
    pickle.BININT2: _pushes(lambda m: m.number("<H", 2)),
    pickle.BININT: _pushes(lambda m: m.number("<i", 4)),
    pickle.INT: _pushes(lambda m: _decimal(m.line())),
    pickle.LONG: _pushes(lambda m: _decimal(m.line())),
    pickle.LONG1: _pushes(lambda m: _integer(m.exactly(m.read(1)[0]))),
    pickle.LONG4: _pushes(lambda m: _integer(m.exactly(m.number("<I", 4)))),
    pickle.BINFLOAT: _pushes(lambda m: struct.unpack(">d", m.read(8))[0]),
    pickle.SHORT_BINUNICODE: _pushes(lambda m: _text(m, m.read(1)[0])),
    pickle.BINUNICODE: _pushes(lambda m: _text(m, m.number("<I", 4))),
    pickle.BINUNICODE8: _pushes(lambda m: _text(m, m.number("<Q", 8))),
    pickle.SHORT_BINSTRING: _pushes(lambda m: _old_text(m.exactly(m.read(1)[0]))),
    pickle.BINSTRING: _pushes(lambda m: _old_text(m.exactly(m.number("<I", 4)))),
    pickle.SHORT_BINBYTES: _pushes(lambda m: m.exactly(m.read(1)[0])),
    pickle.BINBYTES: _pushes(lambda m: m.exactly(m.number("<I", 4))),
    pickle.BINBYTES8: _pushes(lambda m: m.exactly(m.number("<Q", 8))),
    pickle.BYTEARRAY8: _pushes(lambda m: bytearray(m.exactly(m.number("<Q", 8)))),
    pickle.EMPTY_TUPLE: _pushes(lambda m: ()),
    pickle.TUPLE1: _top(1),
    pickle.TUPLE2: _top(2),
    pickle.TUPLE3: _top(3),
    pickle.TUPLE: _pushes(lambda m: tuple(m.marked())),
    pickle.EMPTY_LIST: _pushes(lambda m: []),
    pickle.APPEND: lambda m: m.extend([m.stack.pop()]),
    pickle.APPENDS: lambda m: m.extend(m.marked()),
    pickle.EMPTY_DICT: _pushes(lambda m: Pairs()),
    pickle.SETITEM: lambda m: _pop_two(m, lambda key, value: m.pair([key, value])),
    pickle.SETITEMS: lambda m: m.pair(m.marked()),
    pickle.EMPTY_SET: _pushes(lambda m: Members([], frozen=False)),
    pickle.FROZENSET: _pushes(lambda m: Members(m.marked(), frozen=True)),
    pickle.ADDITEMS: lambda m: m.add(m.marked()),
    pickle.BINPUT: lambda m: _put(m, m.read(1)[0]),
    pickle.LONG_BINPUT: lambda m: _put(m, m.number("<I", 4)),
    pickle.MEMOIZE: lambda m: _put(m, len(m.memo)),
    pickle.BINGET: _pushes(lambda m: m.memo[m.read(1)[0]]),
    pickle.LONG_BINGET: _pushes(lambda m: m.memo[m.number("<I", 4)]),
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: lambda m: _pop_two(m, m.name),
    pickle.REDUCE: lambda m: _pop_two(m, m.make),
    pickle.NEWOBJ: lambda m: _pop_two(m, m.make),
    pickle.BUILD: lambda m: m.build(),
    pickle.BINPERSID: lambda m: m.storage(),
}
"""What `torch.save` writes in protocols 1 to 5. There is nothing here for what refers to code or
memory outside of the file: extensions, buffers, ids that are texts."""

"""NVML as `nvidia-ml-py` presents it, for machines that are not here: its functions, names and exceptions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

GIB = 1024**3


@dataclass(frozen=True)
class Card:
    """A GPU, or a part of one; `slots` are the places that MIG has, empty ones included (None: MIG is off)."""

    name: str
    total_gib: float
    used_gib: float = 0.0
    capability: tuple[int, int] = (8, 9)
    processes: int = 0
    uuid: str = "GPU-0"
    slots: tuple[Card | None, ...] | None = None


@dataclass
class FakeNvml:
    """The module. `broken`: the exception that nvmlInit raises."""

    cards: tuple[Card, ...] = ()
    driver: str = "580.159.04"
    cuda: int = 13000
    broken: type[Exception] | None = None
    has_mig: bool = True
    open: int = field(default=0)

    NVML_DEVICE_MIG_ENABLE = 1

    class NVMLError(Exception):
        """The base of all."""

    class NVMLError_LibraryNotFound(NVMLError):  # noqa: N801  # NVML's own name
        """There is no driver."""

    class NVMLError_NotFound(NVMLError):  # noqa: N801
        """An empty place."""

    class NVMLError_NotSupported(NVMLError):  # noqa: N801
        """Not on this card."""

    def nvmlInit(self) -> None:  # noqa: N802
        if self.broken is not None:
            raise self.broken("it says no")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> bytes:  # noqa: N802  # older versions answer with bytes
        return self.driver.encode()

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:  # noqa: N802
        return self.cuda

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802
        return self.cards[index]

    def nvmlDeviceGetName(self, card: Card) -> str:  # noqa: N802
        return card.name

    def nvmlDeviceGetUUID(self, card: Card) -> str:  # noqa: N802
        return card.uuid

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=card.total_gib * GIB, free=(card.total_gib - card.used_gib) * GIB)

    def nvmlDeviceGetCudaComputeCapability(self, card: Card) -> tuple[int, int]:  # noqa: N802
        return card.capability

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[object]:  # noqa: N802
        return [object()] * card.processes

    def nvmlDeviceGetMigMode(self, card: Card) -> tuple[int, int]:  # noqa: N802
        if not self.has_mig:
            raise self.NVMLError_NotSupported
        mode = int(card.slots is not None)
        return mode, mode

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:  # noqa: N802
        return len(card.slots or ())

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, number: int) -> Card:  # noqa: N802
        part = (card.slots or ())[number]
        if part is None:
            raise self.NVMLError_NotFound
        return part


L4 = Card("NVIDIA L4", 22.5)
T4 = Card("Tesla T4", 15.0, capability=(7, 5))
SMALL_PART = Card("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 4.75, capability=(8, 0), uuid="MIG-small")
LARGE_PART = Card("NVIDIA A100-SXM4-40GB MIG 3g.20gb", 19.5, capability=(8, 0), uuid="MIG-large")
DIVIDED = Card("NVIDIA A100-SXM4-40GB", 40.0, capability=(8, 0), slots=(SMALL_PART, None, LARGE_PART))


def numbered(*cards: Card) -> tuple[Card, ...]:
    """The cards with UUIDs of their own."""
    return tuple(replace(card, uuid=f"GPU-{index}") for index, card in enumerate(cards))

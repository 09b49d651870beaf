"""Bootstrap replicates of a protocol's numbers, small enough to stand in a record."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import core_schema

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from pydantic import GetCoreSchemaHandler

COUNT = 1000
"""Replicates of each number."""
_UNDEFINED = 65535  # the code of a resample in which the number is undefined
_BYTES = 2 * COUNT
_LONGEST = 4 * _BYTES


def _unpacked(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        # One byte more than there may be: no text of a record swells without bound.
        found = stream.decompress(packed, _BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"does not hold replicates: {error}") from error
    # The end holds the checksum, so without it nothing was compared.
    if len(found) != _BYTES or not stream.eof:
        raise ValueError(f"must hold {COUNT} replicates")
    return found


def _packed(text: object) -> object:
    """What base64 says, checked."""
    if not isinstance(text, str):
        return text
    if len(text) > _LONGEST:
        raise ValueError(f"must have at most {_LONGEST} characters")
    try:
        packed = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"does not hold replicates: {error}") from error
    return _whole(packed)


def _whole(packed: bytes) -> bytes:
    _unpacked(packed)
    return packed


class _Codes:
    """How codes are read: of JSON, pydantic decodes base64 in a fifth of the time of Python."""

    @staticmethod
    def __get_pydantic_core_schema__(
        source: Any,  # noqa: ANN401 - as pydantic has it
        handler: GetCoreSchemaHandler,
    ) -> core_schema.CoreSchema:
        of_file = core_schema.bytes_schema(max_length=_LONGEST)
        return core_schema.json_or_python_schema(
            core_schema.no_info_after_validator_function(_whole, of_file),
            core_schema.no_info_before_validator_function(_packed, core_schema.bytes_schema()),
        )


def _as_text(packed: bytes) -> str:
    return base64.b64encode(packed).decode("ascii")


class Replicates(BaseModel):
    """The replicates of one number, to 1/65534 of their range: about 2.7 kB in a record.

    Attributes:
        low: the lowest of them.
        high: the highest.
        codes: zlib of 1,000 little-endian uint16: 0 is ``low``, 65534 ``high``, 65535 undefined.
            In JSON it is base64 of that.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, val_json_bytes="base64"
    )

    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]
    codes: Annotated[
        bytes,
        _Codes,
        PlainSerializer(_as_text, return_type=str),
        WithJsonSchema({"maxLength": _LONGEST, "title": "Codes", "type": "string"}),
    ]

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> Replicates | None:
        """Pack (1000,) values; NaN is kept as such. None where no value is finite."""
        import numpy as np

        defined = np.isfinite(values)
        if not defined.any():
            return None
        values = np.clip(values, 0.0, 1.0)  # sums of floats may end a rounding error outside
        low, high = float(values[defined].min()), float(values[defined].max())
        codes = np.full(values.shape, _UNDEFINED, dtype="<u2")
        scale = (_UNDEFINED - 1) / (high - low) if high > low else 0.0
        codes[defined] = np.rint((values[defined] - low) * scale).astype("<u2")
        return cls(low=low, high=high, codes=zlib.compress(codes.tobytes(), 9))

    def values(self) -> npt.NDArray[np.float64]:
        """The (1000,) values; NaN where the number was undefined."""
        import numpy as np

        codes = np.frombuffer(_unpacked(self.codes), dtype="<u2")
        found = self.low + codes * ((self.high - self.low) / (_UNDEFINED - 1))
        found[codes == _UNDEFINED] = np.nan
        return found


class Resampled(BaseModel):
    """How a protocol's numbers vary over resamples of the subjects.

    Attributes:
        draws: names subjects and draws; two methods' replicates of one name are paired.
        subjects: how many the variance comes from: those with positives, or those with
            negatives where these are fewer.
        metrics: per metric.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    draws: str
    subjects: Annotated[int, Field(ge=0, le=2**63 - 1)]
    metrics: dict[str, Replicates] = {}

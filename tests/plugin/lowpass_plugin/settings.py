"""Settings, without heavy imports."""

from pydantic import BaseModel, ConfigDict, Field


class LowPassSettings(BaseModel):
    """Settings of `LowPass`."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(ge=1, le=31)

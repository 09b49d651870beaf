"""Everything that is taken from anomalib and timm: torch models, losses and their parts.

Importing it takes some ten seconds, because ``anomalib.models`` imports all of its models; it
happens only in the process of a cell that needs it. No datamodule, pre- or post-processor,
metric or Lightning module is used.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # anomalib and timm use deprecated parts of each other, which our users need not read.
    warnings.simplefilter("ignore")
    from anomalib.data.utils.generators.perlin import PerlinAnomalyGenerator
    from anomalib.data.utils.image import pad_nextpow2
    from anomalib.models.components import SparseRandomProjection, TimmFeatureExtractor
    from anomalib.models.image.cflow.torch_model import CflowModel
    from anomalib.models.image.cflow.utils import get_logp, positional_encoding_2d
    from anomalib.models.image.dfm.torch_model import DFMModel
    from anomalib.models.image.draem.loss import DraemLoss
    from anomalib.models.image.draem.torch_model import (
        DiscriminativeSubNetwork,
        DraemModel,
        ReconstructiveSubNetwork,
    )
    from anomalib.models.image.efficient_ad.lightning_model import WEIGHTS_DOWNLOAD_INFO
    from anomalib.models.image.efficient_ad.torch_model import (
        EfficientAdModel,
        EfficientAdModelSize,
    )
    from anomalib.models.image.fastflow.loss import FastflowLoss
    from anomalib.models.image.fastflow.torch_model import FastflowModel
    from anomalib.models.image.ganomaly.loss import DiscriminatorLoss, GeneratorLoss
    from anomalib.models.image.ganomaly.torch_model import GanomalyModel
    from anomalib.models.image.padim.torch_model import PadimModel
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel
    from anomalib.models.image.reverse_distillation.anomaly_map import AnomalyMapGenerationMode
    from anomalib.models.image.reverse_distillation.torch_model import ReverseDistillationModel
    from anomalib.models.image.stfpm.loss import STFPMLoss
    from anomalib.models.image.stfpm.torch_model import AnomalyMapGenerator, STFPMModel
    from timm.models import get_pretrained_cfg, load_state_dict

__all__ = [
    "WEIGHTS_DOWNLOAD_INFO",
    "AnomalyMapGenerationMode",
    "AnomalyMapGenerator",
    "CflowModel",
    "DFMModel",
    "DiscriminativeSubNetwork",
    "DiscriminatorLoss",
    "DraemLoss",
    "DraemModel",
    "EfficientAdModel",
    "EfficientAdModelSize",
    "FastflowLoss",
    "FastflowModel",
    "GanomalyModel",
    "GeneratorLoss",
    "PadimModel",
    "PatchcoreModel",
    "PerlinAnomalyGenerator",
    "ReconstructiveSubNetwork",
    "ReverseDistillationModel",
    "STFPMLoss",
    "STFPMModel",
    "SparseRandomProjection",
    "TimmFeatureExtractor",
    "get_logp",
    "get_pretrained_cfg",
    "load_state_dict",
    "pad_nextpow2",
    "positional_encoding_2d",
]

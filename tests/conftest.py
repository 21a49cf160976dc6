"""Before any test imports Triton, which then reads how its kernels are run: without a GPU by its interpreter."""

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

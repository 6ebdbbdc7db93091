// SPDX-License-Identifier: Apache-2.0
/// Everything that runs on a device, as one module.
#include "blake3.cu"
#include "fsverity.cu"
#include "poison.cu"
#include "zero.cu"

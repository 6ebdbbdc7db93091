// SPDX-License-Identifier: Apache-2.0
/// Everything that runs on a device, as one module.
#include "fsverity.cu"
#include "zero.cu"

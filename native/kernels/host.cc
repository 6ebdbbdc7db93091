// SPDX-License-Identifier: Apache-2.0
/// Compiles every kernel as C++.
#include "host.h"

#include "fsverity.cu"
#include "zero.cu"

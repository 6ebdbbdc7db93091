// SPDX-License-Identifier: Apache-2.0
/// The same module as C++.
#include "host.h"

#include "kernels.cu"

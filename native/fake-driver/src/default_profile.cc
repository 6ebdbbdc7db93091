// SPDX-License-Identifier: Apache-2.0
// The profile of a library that was not told anything else. Compiled once for each library.
#include "config.h"

#ifndef VRFAKE_DEFAULT_PROFILE
#define VRFAKE_DEFAULT_PROFILE "h200"
#endif

namespace vrfake {

Config default_config() { return *profile(VRFAKE_DEFAULT_PROFILE); }

}  // namespace vrfake

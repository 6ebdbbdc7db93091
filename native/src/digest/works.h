// SPDX-License-Identifier: Apache-2.0
/// The digests behind the handles of the C ABI.
#pragma once

#include "../errors.h"
#include "file_digest.h"

#include <memory>
#include <mutex>
#include <optional>

namespace vram_residency::digest {

/// What a handle stands for. Every method may be called from any thread.
class Work {
 public:
  virtual ~Work() = default;

  virtual void update(ByteView data) = 0;
  /// The finished result; the same on every call. @throws Failure: VR_EAGAIN, or what ended the work.
  virtual Result const& finish() = 0;
  /// The result if `finish` has given it, otherwise null.
  virtual Result const* finished() = 0;
  virtual vr_progress progress() = 0;
  virtual void cancel() noexcept = 0;
};

std::shared_ptr<Work> stream_work(Options const& options);

/// Begins at once, on a thread of its own. @param wake  descriptor that is closed when the work has ended.
std::shared_ptr<Work> file_work(std::string path, Options const& options, unsigned threads, Descriptor wake);

/// Gives work a handle: never 0, never used again.
std::uint64_t keep(std::shared_ptr<Work> work);
/// @throws Failure VR_ESTALE when the handle is not live.
std::shared_ptr<Work> live(std::uint64_t handle);
std::shared_ptr<Work> forget(std::uint64_t handle);

}  // namespace vram_residency::digest

// SPDX-License-Identifier: Apache-2.0
/// Where the bytes of a pushed ingest meet the worker. Safe from any thread.
#pragma once

#include <vector>

#include "ring.h"
#include "ticket.h"

namespace vram_residency {

class PushSource {
 public:
  /// A slot that the caller has filled.
  struct Filled {
    Slot* slot = nullptr;
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
  };

  /// @param rouse  wakes the ingest and its worker
  PushSource(std::uint64_t total, std::function<void()> rouse) : total_{total}, rouse_{std::move(rouse)} {}

  // The caller's side.

  /// @returns how many bytes were taken. @throws VR_EAGAIN, VR_ESOURCE, or what the ingest ended with.
  std::uint64_t push(std::uint8_t const* data, std::uint64_t bytes);
  void end();
  std::uint64_t room() const;

  // The worker's side.

  /// Gives a slot to fill. @returns whether the caller was waiting for one.
  bool offer(Slot* slot);
  /// Takes what was filled since.
  std::vector<Filled> collect();
  bool ended() const;
  /// @throws VR_ESOURCE when there were too many bytes, or too few at the end.
  void require_sound() const;
  /// Refuses everything from now on. Nobody touches a slot after it.
  void close(vr_error const& why) noexcept;

 private:
  Failure overlong() const;

  mutable std::mutex mutex_;
  std::uint64_t total_;
  std::function<void()> rouse_;
  std::vector<Slot*> free_;
  Filled current_;
  std::vector<Filled> filled_;
  std::uint64_t accepted_ = 0;
  bool starved_ = true;
  bool ended_ = false;
  bool overlong_ = false;
  bool closed_ = false;
  vr_error why_{};
};

}  // namespace vram_residency

// SPDX-License-Identifier: Apache-2.0
/// One use of the library: a driver, its devices, its tickets.
#pragma once

#include "device.h"

namespace vram_residency {

class Context {
 public:
  struct Options {
    DeviceOptions device;
    std::string cuda_path;
    std::string nvml_path;
    bool test = false;
  };

  explicit Context(Options options) : options_{std::move(options)} {}
  /// Closes it, if that has not been done, and waits.
  ~Context();
  Context(Context const&) = delete;
  Context& operator=(Context const&) = delete;

  Tickets& tickets() noexcept { return tickets_; }
  /// @throws VR_EBUSY, VR_ECLOSED.
  std::uint64_t start();
  /// @throws VR_ECLOSED.
  std::uint64_t close();
  /// Closes it, and waits until that is done.
  void shut() noexcept;

  /// @throws VR_ECLOSED.
  void require_open() const;
  /// @throws VR_ECLOSED, VR_ENODEVICE.
  Device& device(std::uint32_t ordinal);
  /// @throws VR_EAGAIN before it has started.
  std::uint32_t device_count() const;
  std::string describe() const;
  /// Makes every device look at its queue.
  void nudge();

 private:
  Outcome do_start() noexcept;
  Outcome do_close() noexcept;
  void begin_close(std::shared_ptr<Ticket> ticket);

  Options const options_;
  Driver driver_;
  Nvml nvml_;
  Tickets tickets_;
  /// Written by the starting thread, read by others once `ready_` is set.
  std::vector<std::unique_ptr<Device>> devices_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> closing_{false};
  mutable std::mutex mutex_;
  bool started_ = false;
  bool shutting_ = false;
  std::thread starter_;
  std::thread closer_;
};

}  // namespace vram_residency

// SPDX-License-Identifier: Apache-2.0
/// One device: its facts, its memory, its queue.
#pragma once

#include "kernel_module.h"
#include "nvml.h"
#include "pool.h"
#include "ring.h"
#include "worker.h"

namespace vram_residency {

struct DeviceOptions {
  std::uint64_t staging_bytes = 128u << 20;
  unsigned threads = 1;
  Clock::duration idle_after = std::chrono::seconds{1};
  bool pageable = false;
  bool plain = false;
};

class Device {
 public:
  Device(Driver const& driver, Nvml const& nvml, Tickets& tickets, int ordinal, DeviceOptions const& options);
  ~Device();
  Device(Device const&) = delete;
  Device& operator=(Device const&) = delete;

  /// Retains the primary context, reads the facts, and starts the worker. @throws What the driver says; nothing is held then.
  void start();
  /// Cancels all work, zeroes and frees everything, releases the context. @throws The first failure; goes on after it.
  void stop();

  // From any thread.
  int ordinal() const noexcept { return ordinal_; }
  vr_device facts() const;
  bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
  Failure lost_failure() const;
  /// @throws VR_EDEVICE_LOST.
  void require_live() const;
  void poison(Failure const& cause) noexcept;
  Handles& handles() noexcept { return handles_; }
  Worker& worker() noexcept { return worker_; }
  /// Makes a ticket for `operation` and queues it. @returns the ticket's id.
  std::uint64_t submit(std::shared_ptr<Operation> operation);

  // From the worker, and what runs on it.
  Driver const& driver() const noexcept { return driver_; }
  Nvml const& nvml() const noexcept { return nvml_; }
  MemoryKind const& kind() const noexcept { return kind_; }
  Ring& ring() noexcept { return ring_; }
  Pool& pool() noexcept { return pool_; }
  Tickets& tickets() noexcept { return tickets_; }
  /// The kernels, loaded when they are first asked for. @throws VR_EDEVICE_LOST.
  KernelModule const& kernels();
  cu::Stream stream(std::size_t index) const noexcept { return streams_[index % kStreams]; }
  void check(cu::Result code, char const* operation, Purpose purpose = Purpose::transfer) const
  {
    driver_.check(code, operation, purpose);
  }
  /// Waits for both streams.
  void synchronise() const;
  /// The same, also after a failure. @returns the first one.
  cu::Result quiesce() const noexcept;
  bool ring_idle() const noexcept { return ring_.idle(); }
  void release_ring() noexcept { ring_.release(); }

  /// An attribute of the device, or VR_UNKNOWN where its driver knows no such attribute.
  int attribute(int which) const;
  vr_device read_facts() const;
  void set_facts(vr_device const& facts);
  nvml::Handle nvml_handle() const;
  vr_capacity capacity() const;
  /// Builds and zeroes an allocation of `rounded` bytes. @throws VR_EVRAM with numbers, VR_EALLOCATION.
  void build_zeroed(std::uint64_t rounded, bool exportable, Region& region);
  /// Gives memory back; what the driver keeps is remembered and tried again. @throws VR_EALLOCATION.
  void give_back_region(Region& region);
  /// Remembers what the driver would not take back, to try it again with the next that is given back, and when stopping.
  void keep(Region const& region) { unreturned_.push_back(region); }
  /// Whether the driver enforces read-only access here. Asked once, of the first allocation there is.
  void probe_enforcement(Region const& region);

 private:
  static constexpr std::size_t kStreams = 2;

  void open();
  void close() noexcept;
  void retry_unreturned() noexcept;
  void wipe_everything() noexcept;
  void note(Failure const& broken) noexcept;

  Driver const& driver_;
  Nvml const& nvml_;
  Tickets& tickets_;
  int const ordinal_;
  DeviceOptions const options_;
  cu::Device device_ = 0;
  cu::Context context_ = nullptr;
  cu::Stream streams_[kStreams] = {};
  MemoryKind kind_;
  KernelModule kernels_;
  bool probed_ = false;
  std::uint64_t ours_bytes_ = 0;
  /// What the driver would not take back.
  std::vector<Region> unreturned_;
  /// First thing that went wrong while stopping.
  vr_error stop_error_{};

  mutable std::mutex mutex_;
  vr_device facts_{};
  Failure lost_cause_;
  std::atomic<bool> lost_{false};

  Handles handles_;
  Ring ring_;
  Worker worker_;
  // Gone before the worker is: the last thing a task does is to nudge it.
  Pool pool_;
};

}  // namespace vram_residency

// SPDX-License-Identifier: Apache-2.0
/// A piece of work for one device, done step by step on the device's thread.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "handles.h"
#include "ticket.h"

namespace vram_residency {

class Device;

/// What an operation wants after a step.
enum class Step {
  ended,    ///< it is done
  again,    ///< another turn
  waiting,  ///< nothing, until somebody wakes it
  device,   ///< nothing, until the device has done what it was told
};

class Operation : public std::enable_shared_from_this<Operation> {
 public:
  struct Use {
    std::shared_ptr<Allocation> allocation;
    bool writes = false;
  };

  explicit Operation(std::shared_ptr<Ticket> its_ticket) : ticket{std::move(its_ticket)} {}
  virtual ~Operation() = default;
  Operation(Operation const&) = delete;
  Operation& operator=(Operation const&) = delete;

  /// Does at most a chunk. @throws Failure to fail.
  virtual Step step(Device& device) = 0;
  /// Called once it has failed or was cancelled, until it returns true: nothing of it is under way any more.
  virtual bool settled(Device&) noexcept { return true; }
  /// Waits until the device has done something. Called after Step::device when there is nothing else to do.
  virtual void block(Device&) {}
  /// Whether it is left off when one of its allocations is freed.
  virtual bool ends_on_free() const noexcept { return false; }
  /// Whether it is done whatever its caller, its deadline or closing say. Only a lost device keeps it from being done.
  virtual bool must_be_done() const noexcept { return false; }

  std::shared_ptr<Ticket> const ticket;
  std::vector<Use> uses;
  bool background = false;
  Outcome outcome;

  /// Lets it have a turn again. Safe from any thread; the worker has to be nudged after it.
  void wake() noexcept { awake_.store(true, std::memory_order_release); }

 private:
  friend class Worker;
  std::atomic<bool> awake_{true};
  bool begun_ = false;
  bool at_device_ = false;
  bool failed_ = false;
  std::uint64_t last_turn_ = 0;
};

}  // namespace vram_residency

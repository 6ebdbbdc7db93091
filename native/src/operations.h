// SPDX-License-Identifier: Apache-2.0
/// The operations that take one turn.
#pragma once

#include "staged.h"

namespace vram_residency {

class ReadFacts final : public Operation {
 public:
  using Operation::Operation;
  Step step(Device& device) override;
};

class ReadCapacity final : public Operation {
 public:
  using Operation::Operation;
  Step step(Device& device) override;
};

class Allocate final : public Operation {
 public:
  Allocate(std::shared_ptr<Ticket> its_ticket, std::uint64_t bytes, std::uint64_t shift, bool exportable)
      : Operation{std::move(its_ticket)}, bytes_{bytes}, shift_{shift}, exportable_{exportable}
  {
  }
  Step step(Device& device) override;

 private:
  std::uint64_t bytes_;
  std::uint64_t shift_;
  bool exportable_;
};

/// Gives an allocation back whose handle is stale already.
class Free final : public Operation {
 public:
  Free(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation) : Operation{std::move(its_ticket)}
  {
    uses.push_back({std::move(allocation), true});
  }
  Step step(Device& device) override;
  bool settled(Device& device) noexcept override;
  bool must_be_done() const noexcept override { return true; }
};

class Protect final : public Operation {
 public:
  Protect(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation, std::int32_t access)
      : Operation{std::move(its_ticket)}, access_{access}
  {
    uses.push_back({std::move(allocation), true});
  }
  Step step(Device& device) override;

 private:
  std::int32_t access_;
};

class Read final : public Operation {
 public:
  Read(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation, std::uint64_t offset, std::size_t bytes)
      : Operation{std::move(its_ticket)}, offset_{offset}, bytes_{bytes}
  {
    uses.push_back({std::move(allocation), false});
  }
  Step step(Device& device) override;

 private:
  std::uint64_t offset_;
  std::size_t bytes_;
};

class Write final : public Operation {
 public:
  Write(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation, std::uint64_t offset,
        PrivateBytes data)
      : Operation{std::move(its_ticket)}, offset_{offset}, data_{std::move(data)}
  {
    uses.push_back({std::move(allocation), true});
  }
  Step step(Device& device) override;

 private:
  std::uint64_t offset_;
  PrivateBytes data_;
};

class Export final : public Operation {
 public:
  Export(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation) : Operation{std::move(its_ticket)}
  {
    uses.push_back({std::move(allocation), false});
  }
  Step step(Device& device) override;
};

class Evidence final : public Operation {
 public:
  Evidence(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation)
      : Operation{std::move(its_ticket)}
  {
    uses.push_back({std::move(allocation), false});
  }
  Step step(Device& device) override;
};

/// @throws VR_EPROTECTED.
inline void require_writable(Allocation const& allocation)
{
  require(allocation.access == VR_ACCESS_READ_WRITE, VR_EPROTECTED, "the allocation is read-only");
}

/// Queues a Free for an allocation that nobody asked for any more.
void discard(Device& device, std::uint64_t handle) noexcept;

}  // namespace vram_residency

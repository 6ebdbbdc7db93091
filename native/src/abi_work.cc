// SPDX-License-Identifier: Apache-2.0
/// The exported functions that submit work for a device, and feed it. Each checks its arguments and makes one operation.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "abi.h"
#include "digest_operation.h"
#include "ingest.h"
#include "operations.h"
#include "wipe.h"

namespace vram_residency {

namespace {

constexpr std::uint32_t kAlignmentMax = 4096;

std::shared_ptr<Allocation> live_allocation(Device& device, std::uint64_t handle)
{
  auto allocation = device.handles().find(handle);
  require(!allocation->freed.load(std::memory_order_relaxed), VR_ESTALE, "the allocation was freed");
  return allocation;
}

void require_range(Allocation const& allocation, std::uint64_t offset, std::uint64_t bytes)
{
  // Subtracting cannot overflow; adding could.
  require(offset <= allocation.bytes && bytes <= allocation.bytes - offset, VR_EBOUNDS,
          "the range reaches past the end of the allocation");
}

/// Where the parts of a submission meet: context, device, ticket, operation.
struct Submission {
  Submission(std::uint64_t id, std::uint32_t ordinal, std::uint64_t* ticket_out)
      : context{contexts().find(id)}, ticket_out{ticket_out}
  {
    require_pointers(ticket_out);
    device = &context->device(ordinal);
    device->require_live();
  }

  std::shared_ptr<Ticket> ticket() const { return context->tickets().create(); }
  template <typename Kind, typename... Arguments>
  void submit(Arguments&&... arguments) const
  {
    auto its_ticket = ticket();
    auto const id = its_ticket->id;
    std::shared_ptr<Operation> operation;
    try {
      operation = std::make_shared<Kind>(std::move(its_ticket), std::forward<Arguments>(arguments)...);
    } catch (...) {
      context->tickets().remove(id);
      throw;
    }
    *ticket_out = device->submit(std::move(operation));
  }

  std::shared_ptr<Context> context;
  Device* device = nullptr;
  std::uint64_t* ticket_out;
};

void check(vr_digest_options const& options)
{
  auto const tree = options.algorithm == VR_FSVERITY_SHA256;
  algorithm_of(options.algorithm);
  constexpr auto known = VR_DIGEST_LEVEL1 | VR_DIGEST_LEAVES | VR_DIGEST_BACKGROUND | VR_DIGEST_ON_HOST;
  require((options.flags & ~known) == 0 && options.reserved == 0, VR_EINVAL, "no such flag");
  require(options.offset % 4096 == 0, VR_EINVAL, "the offset is no multiple of 4096");
  require(options.salt_bytes <= sizeof options.salt, VR_EINVAL, "a salt has at most 32 bytes");
  require(tree || options.salt_bytes == 0, VR_EINVAL, "only fs-verity takes a salt");
  require(tree || (options.flags & (VR_DIGEST_LEVEL1 | VR_DIGEST_LEAVES)) == 0, VR_EINVAL, "only fs-verity has a tree");
  require((options.flags & VR_DIGEST_LEAVES) == 0 || options.bytes <= VR_LEAVES_RANGE_MAX, VR_EINVAL,
          "the leaves of more than 1 GiB are asked for in parts");
}

std::unique_ptr<FileSource> file_source(vr_ingest_options const& options, std::uint64_t bytes, std::string path)
{
  FileSource::Options const how{options.offset, bytes, (options.flags & VR_INGEST_WHOLE_FILE) != 0,
                                (options.flags & VR_INGEST_UNCACHE) != 0};
  if (options.source == VR_SOURCE_PUSH) { return nullptr; }
  if (options.source == VR_SOURCE_PATH) { return std::make_unique<FileSource>(how, -1, std::move(path)); }
  require(options.file >= 0 && options.file <= INT32_MAX, VR_EINVAL, "no such descriptor");
  auto const copy = ::fcntl(static_cast<int>(options.file), F_DUPFD_CLOEXEC, 3);
  if (copy < 0 && errno == EBADF) { throw failure(VR_EINVAL, "no such descriptor"); }
  if (copy < 0) { throw system_failure(VR_EHOST, "fcntl", errno); }
  return std::make_unique<FileSource>(how, copy, std::string{});
}

void check(vr_ingest_options const& options, std::string const& path)
{
  require(options.algorithm == VR_FSVERITY_SHA256 || options.algorithm == VR_BLAKE3, VR_EINVAL,
          "a residency digest is fs-verity or BLAKE3");
  require(options.source <= VR_SOURCE_PATH && options.reserved == 0, VR_EINVAL, "no such kind of source");
  constexpr auto known = VR_INGEST_IDENTITY | VR_INGEST_WHOLE_FILE | VR_INGEST_UNCACHE;
  require((options.flags & ~known) == 0, VR_EINVAL, "no such flag");
  require((options.source == VR_SOURCE_PATH) == !path.empty(), VR_EINVAL, "a path belongs to a source that is a path");
  require(options.offset < kBytesMax, VR_EINVAL, "the offset is too large");
  require(options.leaves_handle == 0 || options.algorithm == VR_FSVERITY_SHA256, VR_EINVAL, "only fs-verity has leaves");
}

}  // namespace

}  // namespace vram_residency

using namespace vram_residency;

extern "C" {

int32_t vr_submit_facts(uint64_t context, uint32_t device, uint64_t* ticket_out)
{
  return at_boundary([&] { Submission{context, device, ticket_out}.submit<ReadFacts>(); });
}

int32_t vr_submit_capacity(uint64_t context, uint32_t device, uint64_t* ticket_out)
{
  return at_boundary([&] { Submission{context, device, ticket_out}.submit<ReadCapacity>(); });
}

int32_t vr_submit_allocate(uint64_t context, uint32_t device, uint64_t bytes, uint32_t align_boundary, uint64_t align_offset,
                           uint32_t flags, uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    require(bytes >= 1 && bytes <= kBytesMax, VR_EINVAL, "expected 1 byte at least");
    auto const power = align_boundary != 0 && (align_boundary & (align_boundary - 1)) == 0;
    require(power && align_boundary <= kAlignmentMax, VR_EINVAL, "expected an alignment that is a power of two up to 4096");
    require((flags & ~VR_ALLOCATE_EXPORTABLE) == 0, VR_EINVAL, "no such flag");
    auto const shift = (align_boundary - align_offset % align_boundary) % align_boundary;
    to.submit<Allocate>(bytes, shift, (flags & VR_ALLOCATE_EXPORTABLE) != 0);
  });
}

int32_t vr_submit_free(uint64_t context, uint32_t device, uint64_t handle, uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    auto const allocation = to.device->handles().find(handle);
    require(!allocation->freed.exchange(true), VR_ESTALE, "the allocation was freed");
    try {
      to.submit<Free>(allocation);
    } catch (...) {
      allocation->freed.store(false);
      throw;
    }
    to.device->handles().remove(handle);
  });
}

int32_t vr_submit_protect(uint64_t context, uint32_t device, uint64_t handle, uint32_t access, uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    require(access == VR_ACCESS_READ || access == VR_ACCESS_READ_WRITE, VR_EINVAL, "expected read, or read and write");
    to.submit<Protect>(live_allocation(*to.device, handle), static_cast<std::int32_t>(access));
  });
}

int32_t vr_submit_evidence(uint64_t context, uint32_t device, uint64_t handle, uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    to.submit<Evidence>(live_allocation(*to.device, handle));
  });
}

int32_t vr_submit_read(uint64_t context, uint32_t device, uint64_t handle, uint64_t offset, uint64_t bytes,
                       uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    auto allocation = live_allocation(*to.device, handle);
    require(bytes <= VR_SLOT_BYTES, VR_EINVAL, "expected at most 4 MiB");
    require_range(*allocation, offset, bytes);
    to.submit<Read>(std::move(allocation), offset, static_cast<std::size_t>(bytes));
  });
}

int32_t vr_submit_write(uint64_t context, uint32_t device, uint64_t handle, uint64_t offset, const uint8_t* data,
                        uint64_t bytes, uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    require_pointers(data);
    auto allocation = live_allocation(*to.device, handle);
    require(bytes <= VR_SLOT_BYTES, VR_EINVAL, "expected at most 4 MiB");
    require_range(*allocation, offset, bytes);
    to.submit<Write>(std::move(allocation), offset, PrivateBytes{std::vector<std::uint8_t>(data, data + bytes)});
  });
}

int32_t vr_submit_wipe(uint64_t context, uint32_t device, uint64_t handle, uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    to.submit<Wipe>(live_allocation(*to.device, handle));
  });
}

int32_t vr_submit_export(uint64_t context, uint32_t device, uint64_t handle, uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    to.submit<Export>(live_allocation(*to.device, handle));
  });
}

int32_t vr_submit_ingest(uint64_t context, uint32_t device, uint64_t handle, const vr_ingest_options* options,
                         const uint8_t* path, uint64_t path_bytes, uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    require_pointers(options);
    auto name = path_of(path, path_bytes, false);
    check(*options, name);
    Ingest::Request request;
    request.allocation = live_allocation(*to.device, handle);
    request.algorithm = options->algorithm;
    request.identity = (options->flags & VR_INGEST_IDENTITY) != 0;
    if (options->leaves_handle != 0) {
      request.leaves = live_allocation(*to.device, options->leaves_handle);
      require(request.leaves != request.allocation, VR_EINVAL, "the leaves go into another allocation");
      require(request.leaves->bytes >= leaf_room(request.allocation->bytes), VR_EBOUNDS,
              "the leaves allocation has no room for 32 bytes a block, rounded up to 4096");
    }
    auto file = file_source(*options, request.allocation->bytes, std::move(name));
    auto const pushed = file == nullptr;
    auto ticket = to.ticket();
    auto const id = ticket->id;
    try {
      auto operation = std::make_shared<Ingest>(ticket, request, std::move(file));
      if (pushed) {
        auto rouse = [weak = std::weak_ptr<Operation>{operation}, &worker = to.device->worker()] {
          if (auto const live = weak.lock()) { live->wake(); }
          worker.nudge();
        };
        ticket->push = std::make_shared<PushSource>(request.allocation->bytes, std::move(rouse));
      }
      *ticket_out = to.device->submit(std::move(operation));
    } catch (...) {
      try {
        to.context->tickets().remove(id);
      } catch (Failure const&) {
        // The device has forgotten it already.
      }
      throw;
    }
  });
}

int32_t vr_push(uint64_t context, uint64_t ticket, const uint8_t* data, uint64_t bytes, uint64_t* taken_out)
{
  return at_boundary([&] {
    require_pointers(data, taken_out);
    // Held, because waking the worker needs it.
    auto const owner = contexts().find(context);
    auto const found = owner->tickets().find(ticket);
    require(found->push != nullptr, VR_EINVAL, "this is no ingest that is pushed");
    *taken_out = found->push->push(data, bytes);
  });
}

int32_t vr_push_end(uint64_t context, uint64_t ticket)
{
  return at_boundary([&] {
    // Held, because waking the worker needs it.
    auto const owner = contexts().find(context);
    auto const found = owner->tickets().find(ticket);
    require(found->push != nullptr, VR_EINVAL, "this is no ingest that is pushed");
    found->push->end();
  });
}

int32_t vr_submit_digest(uint64_t context, uint32_t device, uint64_t handle, const vr_digest_options* options,
                         uint64_t* ticket_out)
{
  return at_boundary([&] {
    Submission const to{context, device, ticket_out};
    require_pointers(options);
    check(*options);
    auto allocation = live_allocation(*to.device, handle);
    require_range(*allocation, options->offset, options->bytes);
    *ticket_out = to.device->submit(make_digest(*to.device, to.ticket(), std::move(allocation), *options));
  });
}

}  // extern "C"

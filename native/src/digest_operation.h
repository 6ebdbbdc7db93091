// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "digest/algorithm.h"
#include "read_back.h"
#include "tree_hash.h"

namespace vram_residency {

/**
 * Digests a range of device memory on the host, by reading it back through the ring.
 *
 * What happens where no kernel can run, and what VR_DIGEST_ON_HOST asks for.
 */
class HostDigest : public ReadBack {
 public:
  HostDigest(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation, vr_digest_options const& options);

 protected:
  std::uint64_t bytes_ahead() const override { return options_.bytes; }
  bool ends_on_free() const noexcept override { return true; }
  void begin(Device& device) override;
  void consume(std::uint64_t offset, std::uint8_t const* data, std::size_t bytes) override;
  void finish(Device& device) override;

 protected:
  /// What a digest came to, whoever computed it.
  struct Result {
    std::uint32_t engine = VR_ENGINE_CPU;
    digest::Digest whole{};
    digest::Digest salted{};
    std::vector<std::uint8_t> level1;
    std::vector<std::uint8_t> leaves;
  };
  void conclude(Result result);

  vr_digest_options const options_;

 private:
  /// For fs-verity; the other algorithms have the stream.
  std::unique_ptr<TreeHash> plain_;
  std::unique_ptr<TreeHash> salted_;
  std::unique_ptr<digest::Stream> stream_;
  std::vector<std::uint8_t> leaves_;
};

/// The operation that digests as `options` ask, on the device where it can.
std::shared_ptr<Operation> make_digest(Device& device, std::shared_ptr<Ticket> ticket,
                                       std::shared_ptr<Allocation> allocation, vr_digest_options const& options);

/// The digest library's name for an algorithm of the header.
digest::Algorithm algorithm_of(std::uint32_t algorithm);

}  // namespace vram_residency

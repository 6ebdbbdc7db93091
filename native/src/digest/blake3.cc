// SPDX-License-Identifier: Apache-2.0
#include "blake3.h"

#include "blake3_paths.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace vram_residency::digest {
namespace {

using Words8 = std::array<std::uint32_t, 8>;
using Words16 = std::array<std::uint32_t, 16>;

constexpr Words8 kInitial = std::to_array(kBlake3Initial);

void quarter_round(Words16& v, int a, int b, int c, int d, std::uint32_t x, std::uint32_t y) noexcept
{
  v[a] += v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

/// One compression that has not been done: which one it is, root or not, is known only by who asks.
struct Node {
  Words8 value = kInitial;
  std::array<std::uint8_t, kBlake3BlockBytes> block{};
  std::uint64_t counter = 0;
  std::uint32_t bytes = kBlake3BlockBytes;
  std::uint32_t flags = 0;

  Words8 compress(std::uint32_t more_flags) const noexcept
  {
    std::uint32_t m[16];
    for (int i = 0; i < 16; ++i) { m[i] = load_le32(&block[4 * i]); }
    Words16 v{};
    std::ranges::copy(value, v.begin());
    std::copy_n(kInitial.begin(), 4, v.begin() + 8);
    v[12] = static_cast<std::uint32_t>(counter);
    v[13] = static_cast<std::uint32_t>(counter >> 32);
    v[14] = bytes;
    v[15] = flags | more_flags;
    for (auto const& s : kBlake3Schedule) {
      for (int i = 0; i < 4; ++i) { quarter_round(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]); }
      for (int i = 0; i < 4; ++i) {
        quarter_round(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
      }
    }
    Words8 out;
    for (int i = 0; i < 8; ++i) { out[i] = v[i] ^ v[8 + i]; }
    return out;
  }

  void store(std::uint32_t more_flags, std::uint8_t* out) const noexcept
  {
    auto const words = compress(more_flags);
    for (int i = 0; i < 8; ++i) { store_le32(out + 4 * i, words[i]); }
  }

  Digest root() const noexcept
  {
    Digest digest;
    store(kRoot, digest.data());
    return digest;
  }
};

/// A chunk of 0 to 1024 bytes, all but its last compression done.
Node chunk_node(ByteView data, std::uint64_t counter) noexcept
{
  Node node{.counter = counter, .flags = kChunkStart};
  while (data.size() > kBlake3BlockBytes) {
    std::copy_n(data.begin(), kBlake3BlockBytes, node.block.begin());
    node.value = node.compress(0);
    node.flags = 0;
    data = data.subspan(kBlake3BlockBytes);
  }
  node.block.fill(0);
  std::ranges::copy(data, node.block.begin());
  node.bytes = static_cast<std::uint32_t>(data.size());
  node.flags |= kChunkEnd;
  return node;
}

Node parent_node(std::uint8_t const* children) noexcept
{
  Node node{.flags = kParent};
  std::copy_n(children, kBlake3BlockBytes, node.block.begin());
  return node;
}

/// Joins neighbours, level by level, until two values are left; an odd last one goes up as it is.
void reduce_to_two(Path path, std::uint8_t* values, std::size_t count) noexcept
{
  while (count > 2) {
    blake3_parents(path, values, count / 2, values);
    if (count % 2 != 0) {
      std::copy_n(values + (count - 1) * kDigestBytes, kDigestBytes, values + count / 2 * kDigestBytes);
    }
    count = (count + 1) / 2;
  }
}

/// The subtree over at most one part, all but its top compression done.
Node subtree(Path path, ByteView data, std::uint64_t first_chunk) noexcept
{
  if (data.size() <= kBlake3ChunkBytes) { return chunk_node(data, first_chunk); }
  constexpr auto kChunksMax = kBlake3PartBytes / kBlake3ChunkBytes;
  std::array<std::uint8_t, kChunksMax * kDigestBytes> values;
  auto const whole = data.size() / kBlake3ChunkBytes;
  blake3_chunks(path, data.data(), whole, first_chunk, values.data());
  auto const rest = data.subspan(whole * kBlake3ChunkBytes);
  if (!rest.empty()) { chunk_node(rest, first_chunk + whole).store(0, &values[whole * kDigestBytes]); }
  reduce_to_two(path, values.data(), whole + !rest.empty());
  return parent_node(values.data());
}

/// SHA instructions are of no use here: whoever has them is given the widest vectors.
Path widest(Path path) noexcept
{
  if (path != Path::sha_ni) { return path; }
  if (available(Path::avx512)) { return Path::avx512; }
  return available(Path::avx2) ? Path::avx2 : Path::portable;
}

}  // namespace

void blake3_chunks(Path path, std::uint8_t const* data, std::size_t count, std::uint64_t first_chunk,
                   std::uint8_t* out) noexcept
{
  std::size_t done = 0;
#if defined(__x86_64__)
  auto const batch = [&](auto hash_whole_batches) {
    done += hash_whole_batches(data + done * kBlake3ChunkBytes, count - done, first_chunk + done,
                               out + done * kDigestBytes);
  };
  auto const wide = widest(path);
  if (wide == Path::avx512) { batch(blake3_chunks_avx512); }
  if (wide == Path::avx512 || wide == Path::avx2) { batch(blake3_chunks_avx2); }
#else
  static_cast<void>(path);
#endif
  for (; done < count; ++done) {
    ByteView const chunk{data + done * kBlake3ChunkBytes, kBlake3ChunkBytes};
    chunk_node(chunk, first_chunk + done).store(0, out + done * kDigestBytes);
  }
}

void blake3_parents(Path path, std::uint8_t const* children, std::size_t count, std::uint8_t* out) noexcept
{
  std::size_t done = 0;
#if defined(__x86_64__)
  auto const batch = [&](auto hash_whole_batches) {
    done += hash_whole_batches(children + done * kBlake3BlockBytes, count - done, out + done * kDigestBytes);
  };
  auto const wide = widest(path);
  if (wide == Path::avx512) { batch(blake3_parents_avx512); }
  if (wide == Path::avx512 || wide == Path::avx2) { batch(blake3_parents_avx2); }
#else
  static_cast<void>(path);
#endif
  for (; done < count; ++done) { parent_node(children + done * kBlake3BlockBytes).store(0, out + done * kDigestBytes); }
}

Digest blake3_fold(Path path, ByteView values)
{
  if (values.size() < 2 * kDigestBytes || values.size() % kDigestBytes != 0) {
    throw std::invalid_argument{"a fold joins at least two values of 32 bytes"};
  }
  Bytes level(values.begin(), values.end());
  reduce_to_two(path, level.data(), level.size() / kDigestBytes);
  return parent_node(level.data()).root();
}

Blake3::Blake3(Path path) : path_{path}, buffer_{std::make_unique_for_overwrite<std::uint8_t[]>(kSubtreeBytes)} {}

void Blake3::update(ByteView data) noexcept
{
  // The last subtree stays open: whether it is the root is known only at the end.
  while (!data.empty()) {
    if (held_ == kSubtreeBytes) {
      close_subtree({buffer_.get(), kSubtreeBytes});
      held_ = 0;
    }
    if (held_ == 0 && data.size() > kSubtreeBytes) {
      close_subtree(data.first(kSubtreeBytes));
      data = data.subspan(kSubtreeBytes);
      continue;
    }
    auto const taken = std::min(data.size(), kSubtreeBytes - held_);
    std::copy_n(data.begin(), taken, buffer_.get() + held_);
    held_ += taken;
    data = data.subspan(taken);
  }
}

void Blake3::close_subtree(ByteView data) noexcept
{
  constexpr auto kChunks = kSubtreeBytes / kBlake3ChunkBytes;
  subtree(path_, data, subtrees_ * kChunks).store(0, &stack_[depth_++ * kDigestBytes]);
  ++subtrees_;
  // As many joins as the count has trailing zeros: equal neighbours never wait.
  for (auto joins = std::countr_zero(subtrees_); joins > 0; --joins) {
    --depth_;
    auto* const left = &stack_[(depth_ - 1) * kDigestBytes];
    parent_node(left).store(0, left);
  }
}

Digest Blake3::finish() noexcept
{
  constexpr auto kChunks = kSubtreeBytes / kBlake3ChunkBytes;
  auto node = subtree(path_, {buffer_.get(), held_}, subtrees_ * kChunks);
  for (; depth_ > 0; --depth_) {
    node.store(0, &stack_[depth_ * kDigestBytes]);
    node = parent_node(&stack_[(depth_ - 1) * kDigestBytes]);
  }
  return node.root();
}

Blake3Parts::Blake3Parts(std::uint64_t bytes, Path path)
    : path_{path},
      bytes_{bytes},
      parts_{static_cast<std::size_t>(bytes / kBlake3PartBytes + (bytes % kBlake3PartBytes != 0))},
      taken_{std::make_unique<std::atomic<std::uint8_t>[]>(parts_)},
      values_(std::max<std::size_t>(1, parts_) * kDigestBytes)
{
  // Nothing is a chunk, too.
  if (parts_ == 0) { std::ranges::copy(chunk_node({}, 0).root(), values_.begin()); }
}

void Blake3Parts::add(std::uint64_t offset, ByteView data)
{
  bool const inside = offset <= bytes_ && data.size() <= bytes_ - offset;
  if (!inside || offset % kBlake3PartBytes != 0 ||
      (data.size() % kBlake3PartBytes != 0 && offset + data.size() != bytes_)) {
    throw std::invalid_argument{"a part is 512 KiB, unless it ends the whole"};
  }
  for (std::size_t at = 0; at < data.size(); at += kBlake3PartBytes) {
    auto const part = static_cast<std::size_t>((offset + at) / kBlake3PartBytes);
    if (taken_[part].exchange(1, std::memory_order_relaxed) != 0) {
      throw std::logic_error{"a part was added twice"};
    }
    auto const run = data.subspan(at, std::min(kBlake3PartBytes, data.size() - at));
    auto const node = subtree(path_, run, (offset + at) / kBlake3ChunkBytes);
    node.store(parts_ == 1 ? kRoot : 0, &values_[part * kDigestBytes]);
    written_.fetch_add(1, std::memory_order_release);
  }
}

Digest Blake3Parts::finish()
{
  if (written_.exchange(parts_ + 1, std::memory_order_acquire) != parts_) {
    throw std::logic_error{"a digest is finished once, when every part was added"};
  }
  if (parts_ > 1) { return blake3_fold(path_, values_); }
  Digest digest;
  std::ranges::copy(values_, digest.begin());
  return digest;
}

}  // namespace vram_residency::digest

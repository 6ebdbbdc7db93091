// SPDX-License-Identifier: Apache-2.0
#include "../../src/digest/blake3.h"
#include "../../src/digest/file_digest.h"
#include "../../src/errors.h"
#include "oracle.h"
#include "temp_file.h"
#include "vram_residency.h"

#include <sys/stat.h>
#include <thread>

using harness::Bytes;
using harness::ByteView;
using harness::hex;
using harness::Random;
using harness::TempFile;
using namespace vram_residency::digest;

namespace {

constexpr std::uint32_t kFsVerity = VR_FSVERITY_SHA256;

std::uint64_t begin_stream(std::uint32_t algorithm, std::uint32_t flags = 0, Bytes const& salt = {})
{
  std::uint64_t handle = 0;
  auto const status = vr_digest_begin(algorithm, flags, salt.data(), static_cast<std::uint32_t>(salt.size()), &handle);
  return status == VR_OK ? handle : 0;
}

struct File {
  std::uint64_t handle = 0;
  int wake = -1;
};

std::int32_t begin_file(std::string const& path, File& file, std::uint32_t algorithm = kFsVerity,
                        std::uint32_t flags = 0, std::uint32_t threads = 2, Bytes const& salt = {})
{
  return vr_digest_file(reinterpret_cast<std::uint8_t const*>(path.data()), path.size(), algorithm, flags, threads,
                        salt.data(), static_cast<std::uint32_t>(salt.size()), &file.handle, &file.wake);
}

/// Waits as the event loop of a caller does: for the end of the pipe.
void wait(File const& file)
{
  char unused;
  while (read(file.wake, &unused, 1) > 0) {}
  close(file.wake);
}

struct Finished {
  std::int32_t status;
  std::string digest;
  std::uint64_t bytes;
};

Finished finish(std::uint64_t handle)
{
  Bytes digest(32);
  std::uint64_t bytes = 0;
  auto const status = vr_digest_finish(handle, digest.data(), &bytes);
  return {status, hex(digest), bytes};
}

Bytes level(std::uint64_t handle, std::uint32_t part)
{
  std::uint64_t bytes = 0;
  if (vr_digest_part(handle, part, 0, nullptr, 0, &bytes) != VR_OK) { return {1}; }
  Bytes all(bytes);
  for (std::uint64_t at = 0; at < bytes; at += 100) {
    std::uint64_t again = 0;
    auto const room = std::min<std::uint64_t>(100, bytes - at);
    if (vr_digest_part(handle, part, at, &all[at], room, &again) != VR_OK || again != bytes) { return {2}; }
  }
  return all;
}

}  // namespace

TEST(a_stream_has_the_digest_and_the_levels_of_the_specification)
{
  Random random{20};
  auto const data = random.bytes(kFsVerityGroupBytes + 5000);
  auto const salt = random.bytes(7);
  auto const tree = oracle::fsverity(data, salt);
  auto const handle = begin_stream(kFsVerity, VR_DIGEST_LEAVES, salt);
  CHECK(handle != 0);
  CHECK(vr_digest_update(handle, data.data(), 4999) == VR_OK);
  CHECK(vr_digest_update(handle, nullptr, 0) == VR_OK);
  CHECK(vr_digest_update(handle, data.data() + 4999, data.size() - 4999) == VR_OK);
  std::uint64_t bytes = 0;
  CHECK(vr_digest_part(handle, VR_PART_LEVEL1, 0, nullptr, 0, &bytes) == VR_EAGAIN);

  auto const first = finish(handle);
  CHECK(first.status == VR_OK && first.bytes == data.size() && first.digest == hex(tree.digest));
  CHECK(finish(handle).digest == first.digest);
  CHECK(level(handle, VR_PART_LEVEL1) == oracle::level1(tree));
  CHECK(level(handle, VR_PART_LEAVES) == tree.levels[0]);
  CHECK(vr_digest_update(handle, data.data(), 1) == VR_EINVAL);
  CHECK(vr_digest_part(handle, VR_PART_LEVEL1, 65, nullptr, 0, &bytes) == VR_EBOUNDS);
  CHECK(vr_digest_part(handle, VR_PART_DATA, 0, nullptr, 0, &bytes) == VR_EINVAL);
  CHECK(vr_digest_free(handle) == VR_OK);
}

TEST(plain_sha256_has_no_levels)
{
  auto const handle = begin_stream(VR_SHA256);
  CHECK(vr_digest_update(handle, reinterpret_cast<std::uint8_t const*>("abc"), 3) == VR_OK);
  CHECK(finish(handle).digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(level(handle, VR_PART_LEVEL1).empty() && level(handle, VR_PART_LEAVES).empty());
  CHECK(vr_digest_free(handle) == VR_OK);
}

TEST(a_freed_digest_is_stale_and_its_handle_never_comes_back)
{
  auto const handle = begin_stream(VR_SHA256);
  CHECK(vr_digest_free(handle) == VR_OK);
  vr_progress progress{};
  std::uint64_t bytes = 0;
  CHECK(vr_digest_free(handle) == VR_ESTALE);
  CHECK(vr_digest_update(handle, nullptr, 0) == VR_ESTALE);
  CHECK(vr_digest_cancel(handle) == VR_ESTALE);
  CHECK(vr_digest_progress(handle, &progress) == VR_ESTALE);
  CHECK(vr_digest_part(handle, VR_PART_LEVEL1, 0, nullptr, 0, &bytes) == VR_ESTALE);
  CHECK(finish(handle).status == VR_ESTALE && finish(0).status == VR_ESTALE);
  auto const next = begin_stream(VR_SHA256);
  CHECK(next != handle);
  CHECK(vr_digest_free(next) == VR_OK);
}

TEST(arguments_without_sense_are_refused)
{
  std::uint64_t handle = 7;
  std::uint8_t const salt[33]{};
  CHECK(vr_digest_begin(3, 0, nullptr, 0, &handle) == VR_EINVAL);
  CHECK(vr_digest_begin(kFsVerity, VR_DIGEST_LEVEL1, nullptr, 0, &handle) == VR_EINVAL);
  CHECK(vr_digest_begin(kFsVerity, 0, salt, 33, &handle) == VR_EINVAL);
  CHECK(vr_digest_begin(kFsVerity, 0, nullptr, 1, &handle) == VR_EINVAL);
  CHECK(vr_digest_begin(VR_SHA256, 0, salt, 1, &handle) == VR_EINVAL);
  CHECK(vr_digest_begin(VR_SHA256, VR_DIGEST_LEAVES, nullptr, 0, &handle) == VR_EINVAL);
  CHECK(vr_digest_begin(VR_BLAKE3, 0, salt, 1, &handle) == VR_EINVAL);
  CHECK(vr_digest_begin(kFsVerity, 0, nullptr, 0, nullptr) == VR_EINVAL);
  File file;
  CHECK(begin_file("", file) == VR_EINVAL);
  CHECK(begin_file(std::string(4096, 'a'), file) == VR_EINVAL);
  CHECK(begin_file(std::string("a\0b", 3), file) == VR_EINVAL);
  CHECK(begin_file("/dev/null", file, kFsVerity, 0, 0) == VR_EINVAL);
  CHECK(begin_file("/dev/null", file, kFsVerity, 0, 65) == VR_EINVAL);
  CHECK(handle == 7 && file.handle == 0 && file.wake == -1);
}

TEST(blocks_are_hashed_under_a_prefix)
{
  Random random{21};
  auto const data = random.bytes(5 * 4096);
  auto const prefix = random.bytes(64);
  Bytes out(5 * 32);
  CHECK(vr_digest_blocks(data.data(), 5, prefix.data(), 64, out.data()) == VR_OK);
  auto const prefixed = oracle::hash_level(data, prefix);
  CHECK(out == prefixed);
  CHECK(vr_digest_blocks(data.data(), 5, nullptr, 0, out.data()) == VR_OK);
  CHECK(out == oracle::hash_level(data, {}));
  CHECK(vr_digest_blocks(nullptr, 0, nullptr, 0, nullptr) == VR_OK);
  CHECK(vr_digest_blocks(data.data(), 1, prefix.data(), 63, out.data()) == VR_EINVAL);
  CHECK(vr_digest_blocks(data.data(), ~std::uint64_t{0}, nullptr, 0, out.data()) == VR_EINVAL);
}

TEST(a_file_has_the_digest_of_its_bytes_on_any_number_of_threads)
{
  Random random{22};
  for (auto const size : {std::size_t{0}, std::size_t{1}, kFsVerityGroupBytes, 9 * kFsVerityGroupBytes + 4097}) {
    auto const data = random.bytes(size);
    auto const salt = random.bytes(32);
    TempFile const temp{data};
    auto const expected = fsverity(data, {salt, true});
    for (std::uint32_t const threads : {1, 2, 5}) {
      File file;
      CHECK(begin_file(temp.path(), file, kFsVerity, VR_DIGEST_LEAVES, threads, salt) == VR_OK);
      wait(file);
      auto const finished = finish(file.handle);
      CHECK(finished.status == VR_OK && finished.bytes == size && finished.digest == hex(expected.digest));
      CHECK(level(file.handle, VR_PART_LEVEL1) == expected.level1);
      CHECK(level(file.handle, VR_PART_LEAVES) == expected.leaves);
      vr_progress progress{};
      CHECK(vr_digest_progress(file.handle, &progress) == VR_OK);
      CHECK(progress.state == VR_STATE_ENDED && progress.status == VR_OK);
      CHECK(progress.bytes_done == size && progress.bytes_total == size);
      CHECK(vr_digest_update(file.handle, data.data(), 0) == VR_EINVAL);
      CHECK(vr_digest_free(file.handle) == VR_OK);
    }
    File plain;
    CHECK(begin_file(temp.path(), plain, VR_SHA256, 0, 4) == VR_OK);
    wait(plain);
    CHECK(finish(plain.handle).digest == hex(sha256(data)));
    CHECK(vr_digest_free(plain.handle) == VR_OK);

    Blake3 reference;
    reference.update(data);
    auto const b3 = hex(reference.finish());
    auto const stream = begin_stream(VR_BLAKE3);
    CHECK(vr_digest_update(stream, data.data(), data.size()) == VR_OK);
    CHECK(finish(stream).digest == b3 && vr_digest_free(stream) == VR_OK);
    CHECK(begin_file(temp.path(), plain, VR_BLAKE3, 0, 3) == VR_OK);
    wait(plain);
    CHECK(finish(plain.handle).digest == b3 && finish(plain.handle).bytes == size);
    CHECK(vr_digest_free(plain.handle) == VR_OK);
  }
}

TEST(what_is_no_readable_file_is_a_source_that_failed)
{
  for (auto const* const path : {"/", "/dev/zero", "/nonexistent/file"}) {
    File file;
    CHECK(begin_file(path, file) == VR_OK);
    wait(file);
    CHECK(finish(file.handle).status == VR_ESOURCE);
    vr_error error{};
    CHECK(vr_last_error(&error) == VR_OK);
    CHECK(error.status == VR_ESOURCE && error.reason == VR_REASON_UNREADABLE && error.system_code != 0);
    CHECK(vr_digest_free(file.handle) == VR_OK);
  }
  auto const fifo = std::string{"/tmp/vr-digest-fifo-"} + std::to_string(getpid());
  CHECK(mkfifo(fifo.c_str(), 0600) == 0);
  File file;
  CHECK(begin_file(fifo, file) == VR_OK);
  wait(file);
  unlink(fifo.c_str());
  CHECK(finish(file.handle).status == VR_ESOURCE);
  CHECK(vr_digest_free(file.handle) == VR_OK);
}

TEST(a_cancelled_file_ends_and_says_so)
{
  TempFile const temp{{}};
  CHECK(ftruncate(temp.fd(), std::int64_t{64} << 30) == 0);
  File file;
  CHECK(begin_file(temp.path(), file) == VR_OK);
  CHECK(finish(file.handle).status == VR_EAGAIN);
  CHECK(vr_digest_cancel(file.handle) == VR_OK);
  wait(file);
  CHECK(finish(file.handle).status == VR_ECANCELLED);
  vr_progress progress{};
  CHECK(vr_digest_progress(file.handle, &progress) == VR_OK);
  CHECK(progress.status == VR_ECANCELLED && progress.bytes_done < progress.bytes_total);
  std::uint64_t bytes = 0;
  CHECK(vr_digest_part(file.handle, VR_PART_LEVEL1, 0, nullptr, 0, &bytes) == VR_EAGAIN);
  CHECK(vr_digest_free(file.handle) == VR_OK);

  // Forgetting is cancelling.
  CHECK(begin_file(temp.path(), file) == VR_OK);
  CHECK(vr_digest_free(file.handle) == VR_OK);
  wait(file);
}

TEST(a_file_that_changes_meanwhile_has_no_digest)
{
  Bytes const data(kFsVerityGroupBytes);
  TempFile const grows{data};
  FileProgress progress;
  Options options;
  auto const changed_by = [&](auto change) {
    // The change happens at the first part, between the two looks at the file's status.
    std::thread writer{[&] {
      while (progress.bytes_done.load() == 0) {}
      change();
      progress.cancelled = false;
    }};
    std::int32_t reason = 0;
    try {
      CHECK(ftruncate(grows.fd(), std::int64_t{400} << 20) == 0);
      digest_file(grows.fd(), options, 1, progress);
    } catch (vram_residency::Failure const& failure) {
      reason = failure.error.reason;
    }
    writer.join();
    progress.bytes_done = 0;
    CHECK(reason == VR_REASON_CHANGED || reason == VR_REASON_TRUNCATED);
  };
  changed_by([&] { grows.append(Bytes(1)); });
  changed_by([&] { static_cast<void>(ftruncate(grows.fd(), 1 << 20)); });
}

TEST(threads_may_share_one_digest)
{
  auto const handle = begin_stream(kFsVerity);
  Bytes const zeros(100'000);
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] { vr_digest_update(handle, zeros.data(), zeros.size()); });
  }
  for (auto& writer : writers) { writer.join(); }
  CHECK(finish(handle).digest == hex(fsverity(Bytes(400'000)).digest));
  CHECK(vr_digest_free(handle) == VR_OK);
}

// SPDX-License-Identifier: Apache-2.0
#include "works.h"

#include <thread>

namespace vram_residency::digest {
namespace {

class StreamWork final : public Work {
 public:
  explicit StreamWork(Options const& options) : stream_{begin(options)} {}

  void update(ByteView data) override
  {
    std::scoped_lock const lock{lock_};
    require(!result_, VR_EINVAL, "this digest is finished");
    stream_->update(data);
    bytes_ += data.size();
  }

  Result const& finish() override
  {
    std::scoped_lock const lock{lock_};
    if (!result_) { result_ = stream_->finish(); }
    return *result_;
  }

  Result const* finished() override
  {
    std::scoped_lock const lock{lock_};
    return result_ ? &*result_ : nullptr;
  }

  vr_progress progress() override
  {
    std::scoped_lock const lock{lock_};
    auto const state = result_ ? VR_STATE_ENDED : VR_STATE_RUNNING;
    auto const status = result_ ? VR_OK : VR_EAGAIN;
    return {.bytes_done = bytes_, .bytes_total = 0, .state = state, .status = status, .room_bytes = 0};
  }

  void cancel() noexcept override {}

 private:
  std::mutex lock_;
  std::unique_ptr<Stream> stream_;
  std::uint64_t bytes_ = 0;
  std::optional<Result> result_;
};

class FileWork final : public Work {
 public:
  void update(ByteView) override { throw failure(VR_EINVAL, "a file brings its own bytes"); }

  /// Runs on the thread of the work.
  void run(std::string const& path, Options const& options, unsigned threads) noexcept
  {
    std::exception_ptr failure;
    std::optional<Result> result;
    try {
      auto const file = open_source(path);
      result = digest_file(file.get(), options, threads, progress_);
    } catch (...) {
      failure = std::current_exception();
    }
    std::scoped_lock const lock{lock_};
    result_ = std::move(result);
    failure_ = failure;
    ended_ = true;
  }

  Result const& finish() override
  {
    std::scoped_lock const lock{lock_};
    require(ended_, VR_EAGAIN, "the file is still being hashed");
    if (failure_) { std::rethrow_exception(failure_); }
    return *result_;
  }

  Result const* finished() override
  {
    std::scoped_lock const lock{lock_};
    return result_ ? &*result_ : nullptr;
  }

  vr_progress progress() override
  {
    std::scoped_lock const lock{lock_};
    return {.bytes_done = progress_.bytes_done.load(std::memory_order_relaxed),
            .bytes_total = progress_.bytes_total.load(std::memory_order_relaxed),
            .state = ended_ ? VR_STATE_ENDED : VR_STATE_RUNNING,
            .status = status(),
            .room_bytes = 0};
  }

  void cancel() noexcept override { progress_.cancelled.store(true, std::memory_order_relaxed); }

 private:
  std::int32_t status() const
  {
    if (!ended_) { return VR_EAGAIN; }
    if (!failure_) { return VR_OK; }
    try {
      std::rethrow_exception(failure_);
    } catch (...) {
      return current_failure().error.status;
    }
  }

  std::mutex lock_;
  FileProgress progress_;
  bool ended_ = false;
  std::optional<Result> result_;
  std::exception_ptr failure_;
};

}  // namespace

std::shared_ptr<Work> stream_work(Options const& options) { return std::make_shared<StreamWork>(options); }

std::shared_ptr<Work> file_work(std::string path, Options const& options, unsigned threads, Descriptor wake)
{
  check(options);
  auto work = std::make_shared<FileWork>();
  // Detached: forgetting a digest must not wait for a disk. The thread owns all that it touches.
  std::thread{[work, path = std::move(path), options, threads, wake = std::move(wake)]() noexcept {
    work->run(path, options, threads);
  }}.detach();
  return work;
}

}  // namespace vram_residency::digest

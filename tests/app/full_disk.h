#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "test_support.h"

namespace polder::app {

/// Runs `action` in a child process that may write at most `bytes` into any file: what a full disk
/// looks like from inside. Returns the sentence of the Error it threw.
template <class Action>
std::string sentence_on_full_disk(std::size_t bytes, Action action) {
  int channel[2];
  EXPECT_EQ(::pipe(channel), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string sentence = error_of(action);
    const auto written = ::write(channel[1], sentence.data(), sentence.size());
    ::_exit(written == static_cast<ssize_t>(sentence.size()) ? 0 : 1);
  }
  ::close(channel[1]);
  std::string sentence(1000, '\0');
  const ssize_t got = ::read(channel[0], sentence.data(), sentence.size());
  ::close(channel[0]);
  ::waitpid(child, nullptr, 0);
  sentence.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return sentence;
}

}  // namespace polder::app

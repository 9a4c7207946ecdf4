#include "polder/app/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace polder::app {
namespace {

volatile std::sig_atomic_t stop_wanted = 0;

void remember(int) { stop_wanted = 1; }

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

bool interrupted() { return stop_wanted != 0; }

}  // namespace polder::app

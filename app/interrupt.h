#pragma once

namespace polder::app {

/// From now on Ctrl-C (SIGINT) and SIGTERM ask for a stop instead of ending the process. A second
/// one ends it at once, as usual.
void catch_interrupts();
/// Somebody asked for a stop.
bool interrupted();

}  // namespace polder::app

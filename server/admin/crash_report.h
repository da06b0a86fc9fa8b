// What the log says when the program dies of a signal: which one, and the calls that led to it, for
// addr2line. Written without the logger, which may be what broke; the program then dies as it would
// have. Programs with sanitizers report in their own words instead.
#pragma once

#include <string>

namespace larder {

// `log_path` may be relative to the working directory of now; empty: stderr.
void report_crashes(const std::string& log_path);
void report_no_crashes();

}  // namespace larder

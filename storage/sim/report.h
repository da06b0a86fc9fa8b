// What larder-sim prints: a table, JSON, a plot of the miss-ratio curves.
#pragma once

#include <string>
#include <vector>

#include "storage/sim/replay.h"

namespace larder::sim {

std::string to_table(const std::vector<Run>& runs, bool with_bytes);
std::string to_json(const std::string& trace_name, const Trace& trace,
                    const std::vector<Run>& runs);
// Whether there can be a plot at `path`, an .svg or .png file: to be asked before the runs, which
// may take long. Returns what is wrong, or nothing.
std::string check_plot(const std::string& path);
// Draws the curves there with gnuplot. Returns what is wrong, or nothing.
std::string plot(const std::string& trace_name, const std::vector<Run>& runs,
                 const std::string& path);

}  // namespace larder::sim

// What larder-sim prints: a table, JSON, a plot of the miss-ratio curves.
#pragma once

#include <string>
#include <vector>

#include "storage/sim/replay.h"

namespace larder::sim {

std::string to_table(const std::vector<Run>& runs, bool with_bytes);
std::string to_json(const std::string& trace_name, const Trace& trace,
                    const std::vector<Run>& runs);
// Draws the curves with gnuplot into an .svg or .png file. Returns what is wrong, or nothing.
std::string plot(const std::string& trace_name, const std::vector<Run>& runs,
                 const std::string& path);

}  // namespace larder::sim

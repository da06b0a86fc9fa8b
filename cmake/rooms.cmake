# What nearly every file includes, parsed once for all rooms compiled alike: halves the time of a
# build. Each file still includes what it uses.
set(LARDER_COMMON_HEADERS <algorithm> <array> <atomic> <cstdint> <functional> <memory> <mutex>
    <optional> <span> <string> <string_view> <unordered_map> <utility> <vector>)

#   larder_common_headers(target kind): one target of each kind parses them, the others take its
function(larder_common_headers target kind)
  get_property(owner GLOBAL PROPERTY LARDER_HEADERS_${kind})
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    target_precompile_headers(${target} PRIVATE ${LARDER_COMMON_HEADERS})
    set_property(GLOBAL PROPERTY LARDER_HEADERS_${kind} ${target})
  endif()
endfunction()

# A room is a folder that is one static library; every .cc below it belongs to it, except in
# folders below that are libraries of their own. A cold one runs for no GET or SET of
# a plain cache: it stays out of the programs that are optimised as a whole.
#   larder_room(name [COLD] [PUBLIC libs...] [PRIVATE libs...])
function(larder_room name)
  cmake_parse_arguments(ROOM "COLD" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "(^|/)main(_[a-z]+)?\\.cc$")
  file(GLOB others ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
  foreach(other ${others})
    get_filename_component(folder ${other} DIRECTORY)
    list(FILTER sources EXCLUDE REGEX "^${folder}/")
  endforeach()
  if(NOT sources)  # nothing lives here yet
    add_library(larder_${name} INTERFACE)
    target_link_libraries(larder_${name} INTERFACE ${ROOM_PUBLIC})
    return()
  endif()
  add_library(larder_${name} STATIC ${sources})
  target_include_directories(larder_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  if(ROOM_COLD)
    target_compile_options(larder_${name} PRIVATE $<$<CONFIG:Release>:-O2;-fno-lto>)
    larder_common_headers(larder_${name} cold)
  else()
    larder_common_headers(larder_${name} hot)
  endif()
  target_link_libraries(larder_${name} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
endfunction()

#   larder_program(name sources...): a program optimised as a whole. That takes half a minute and
#   more of two cores, so it is for those whose speed counts
function(larder_program name)
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES LARDER_WHOLE ON)
endfunction()

#   larder_runs_once(sources...): command lines and the like, where optimising takes longer than it
#   ever saves; CLI11 alone is ten seconds
function(larder_runs_once)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-O1>)
endfunction()

#   larder_tests(name folder libs...): one GoogleTest program of all *_test.cc in the folder, with
#   RapidCheck for properties (it prints its seed; RC_PARAMS=seed=... repeats a run)
function(larder_tests name folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_test.cc)
  if(sources)
    add_executable(${name} ${sources})
    # Optimising what runs once costs more than it saves.
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O0>)
    # Most of the time goes into the headers of GoogleTest and RapidCheck: parsed once for several.
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    target_link_libraries(${name} PRIVATE ${ARGN} rapidcheck rapidcheck_gtest
                                          GTest::gtest GTest::gmock GTest::gtest_main)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  endif()
endfunction()

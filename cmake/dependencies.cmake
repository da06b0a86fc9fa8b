# Every library the project uses. All are Debian 12 packages; `dev` installs them.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(lzf REQUIRED IMPORTED_TARGET liblzf)

# asio and concurrentqueue are header-only and ship no CMake package. SYSTEM keeps our warnings
# out of their headers.
find_path(ASIO_INCLUDE asio.hpp REQUIRED)
find_path(CONCURRENTQUEUE_INCLUDE concurrentqueue/concurrentqueue.h REQUIRED)
add_library(larder_asio INTERFACE)
target_include_directories(larder_asio SYSTEM INTERFACE ${ASIO_INCLUDE})
# Without aligned_alloc, asio 1.22 uses operator new and delete alone; with it
# some blocks are taken by one and given back by the other, which AddressSanitizer reports.
target_compile_definitions(larder_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED
                           ASIO_DISABLE_STD_ALIGNED_ALLOC)
target_link_libraries(larder_asio INTERFACE Threads::Threads)
add_library(larder_queue INTERFACE)
target_include_directories(larder_queue SYSTEM INTERFACE ${CONCURRENTQUEUE_INCLUDE})

# Lua as C++: its errors are exceptions, which run destructors. SYSTEM as above.
pkg_check_modules(lua REQUIRED lua5.1-c++)
find_library(LUA_LIBRARY NAMES liblua5.1-c++.a REQUIRED)
add_library(larder_lua INTERFACE)
target_include_directories(larder_lua SYSTEM INTERFACE ${lua_INCLUDE_DIRS})
target_link_libraries(larder_lua INTERFACE ${LUA_LIBRARY} ${CMAKE_DL_LIBS})

if(LARDER_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)
endif()

# Compiler settings shared by every target. Options:
#   LARDER_SANITIZE  "", "address" (with undefined) or "thread"
#   LARDER_FUZZ      build the libFuzzer targets (clang)
#   LARDER_TESTS     build tests/
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(LARDER_SANITIZE "" CACHE STRING "address, thread or nothing")
option(LARDER_FUZZ "build the libFuzzer targets" OFF)
option(LARDER_TESTS "build the tests" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(LARDER_CCACHE ccache)
if(LARDER_CCACHE)
  # Files with precompiled headers are kept only under this sloppiness.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros ${LARDER_CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
                    -fno-omit-frame-pointer)
add_compile_options(-Wno-missing-field-initializers)  # designated initialisers leave defaults out
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wthread-safety)
else()
  # g++ 12 reports impossible overlaps and overruns in std::string when it has inlined much (GCC
  # bugs 105651, 105329). clang and AddressSanitizer look for the real ones.
  add_compile_options(-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
# Programs whose speed counts are optimised across files (larder_program), the others and the tests
# are not: fat objects serve both.
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-flto=auto -ffat-lto-objects)
  # The index of an archive lists what the LTO half of a fat object defines, inline functions too
  # that its plain half may lack. ld loads the object for such a function, does not find it, and
  # loads it again where the archive is named a second time: the same definitions twice.
  set(plain $<NOT:$<BOOL:$<TARGET_PROPERTY:LARDER_WHOLE>>>)
  add_link_options($<${plain}:-fno-lto> $<${plain}:LINKER:-z,muldefs>)
endif()
# Portable binaries: the x86-64-v2 baseline (SSE4.2, 2009 and later), plain armv8-a elsewhere.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-march=x86-64-v2)
endif()
if(LARDER_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(LARDER_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options(-Wno-tsan)  # asio has fences, which the sanitizer warns that it ignores
  endif()
  add_link_options(-fsanitize=thread)
endif()
if(LARDER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # every room tells the fuzzer where it has been
endif()

# Decides whether the CUDA back end is built: sets POLDER_HAS_CUDA.
# The architecture list never needs a GPU on the build machine.

set(POLDER_HAS_CUDA OFF)
if(NOT POLDER_CUDA STREQUAL "OFF")
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90-real)
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    # CMake 3.25 does not know that nvcc speaks C++20.
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    find_package(CUDAToolkit REQUIRED)
    set(POLDER_HAS_CUDA ON)
  elseif(POLDER_CUDA STREQUAL "ON")
    message(FATAL_ERROR "POLDER_CUDA=ON, but no CUDA compiler was found: put nvcc on the PATH or "
                        "set CMAKE_CUDA_COMPILER; POLDER_CUDA=OFF builds the CPU part.")
  endif()
endif()
message(STATUS "polder: CUDA back end ${POLDER_HAS_CUDA}")

// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <utility>

#include <tidegate/error.hpp>
#include <tidegate/state_error.hpp>

#include "register.hpp"

namespace tidegate::bindings {
namespace {

void raise(const char* name, const pybind11::object& arguments) {
  const auto kind = pybind11::module_::import("tidegate.errors").attr(name);
  PyErr_SetObject(kind.ptr(), arguments.ptr());
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the signature that pybind11 asks for
void translate(std::exception_ptr thrown) {
  try {
    std::rethrow_exception(std::move(thrown));
  } catch (const ConfigError& error) {
    raise("ConfigError", pybind11::str(error.what()));
  } catch (const TopicError& error) {
    raise("TopicError", pybind11::str(error.what()));
  } catch (const PayloadError& error) {
    raise("PayloadError", pybind11::str(error.what()));
  } catch (const SystemError& error) {
    raise("SystemCallError", pybind11::make_tuple(error.code(), error.what()));
  } catch (const UnavailableError& error) {
    raise("UnavailableError", pybind11::str(error.what()));
  } catch (const StateError& error) {
    raise("StateError", pybind11::str(error.what()));
  } catch (const Error& error) {
    raise("TidegateError", pybind11::str(error.what()));
  }
}

}  // namespace

void register_errors(pybind11::module_&) {
  pybind11::register_exception_translator(&translate);
}

}  // namespace tidegate::bindings

// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0

/* Debian builds Paho with heap and call tracking: every allocation goes through a locked tree, every function through a
 * locked table, and the library runs at a third of its speed. The trackers are two members of its static archive,
 * Heap and StackTrace. This object defines the same symbols without tracking; because an object comes before an
 * archive on the link line, the linker never takes those members. It must stay an OBJECT library (inside a static
 * library the slow members come back silently) and define every symbol of both (else they collide).
 * CMakeLists.txt compares the list with the archive; tests/unit/mqtt looks for the slow members in a linked program. */

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#endif

typedef struct {
  size_t current_size;
  size_t max_size;
} heap_info;

/* Heap */

void* mymalloc(char* file, int line, size_t size) {
  (void)file;
  (void)line;
  return malloc(size);
}

void* myrealloc(char* file, int line, void* old, size_t size) {
  (void)file;
  (void)line;
  return realloc(old, size);
}

void myfree(char* file, int line, void* old) {
  (void)file;
  (void)line;
  free(old);
}

int Heap_initialize(void) {
  return 0;
}

void Heap_terminate(void) {}

heap_info* Heap_get_info(void) {
  static heap_info none;
  return &none;
}

void* Heap_findItem(void* item) {
  (void)item;
  return NULL;
}

void Heap_unlink(char* file, int line, void* item) {
  (void)file;
  (void)line;
  (void)item;
}

int HeapDump(FILE* file) {
  (void)file;
  return 0;
}

int HeapDumpString(FILE* file, char* text) {
  (void)file;
  (void)text;
  return 0;
}

/* StackTrace */

void StackTrace_entry(const char* name, int line, int level) {
  (void)name;
  (void)line;
  (void)level;
}

void StackTrace_exit(const char* name, int line, void* result, int level) {
  (void)name;
  (void)line;
  (void)result;
  (void)level;
}

void StackTrace_printStack(FILE* file) {
  (void)file;
}

char* StackTrace_get(pthread_t thread, char* text, int size) {
  (void)thread;
  if (size > 0) text[0] = '\0';
  return text;
}

int setStack(int create) {
  (void)create;
  return 0;
}

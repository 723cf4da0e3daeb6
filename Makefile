# taskly: a task scheduler inside PostgreSQL.
#
#   make                 build the extension, and the guard that shell runs start under
#   make install         install both (DESTDIR and PG_CONFIG are honoured)
#   make installcheck    run the SQL tests on a server that has taskly preloaded
#   make dist            pack a source archive of HEAD, as PGXN wants it
#   make WERROR=1        what the project itself builds with: every warning is an error
#
# script/test builds and tests everything on a server of its own; nothing need be installed for it.

EXTENSION = taskly
MODULE_big = taskly
DATA = $(sort $(notdir $(wildcard $(here)/taskly--*.sql)))

# Where the sources are. PGXS sets srcdir too, but only after it has read OBJS.
here := $(patsubst %/,%,$(firstword $(VPATH) $(dir $(firstword $(MAKEFILE_LIST)))))

ROOMS = time server plan store exec api process
SOURCES := $(sort $(wildcard $(here)/src/*.c $(foreach room,$(ROOMS),$(here)/src/$(room)/*.c)))
OBJS = $(SOURCES:$(here)/%.c=%.o)
GUARD = taskly_guard
GUARD_OBJ = src/guard/taskly_guard.o

PG_CPPFLAGS = -I$(here)/src -I$(libpq_srcdir)
PG_CFLAGS = -MMD -MP
SHLIB_LINK = $(libpq)

# Only what PostgreSQL looks up by name leaves the library.
SHLIB_EXPORTS = taskly_exports.txt

# Tests. sql/setup*.sql come first, the rest by name.
tests = $(sort $(basename $(notdir $(wildcard $(here)/$(1)))))
REGRESS = $(strip $(call tests,sql/setup*.sql) $(filter-out setup%,$(call tests,sql/*.sql)))
ISOLATION = $(strip $(call tests,test/specs/*.spec))
ISOLATION_OPTS = --inputdir=$(here)/test
REGRESS_PREP = installcheck-preload
PROVE_TESTS = $(patsubst $(here)/%,%,$(sort $(wildcard $(here)/test/t/*.pl)))
ifneq (,$(strip $(PROVE_TESTS)))
TAP_TESTS = 1
endif

EXTRA_CLEAN = $(GUARD) $(GUARD_OBJ) $(OBJS:.o=.d) $(GUARD_OBJ:.o=.d) taskly_exports.*

# Bitcode would let the JIT compiler inline taskly's functions; none is called often enough to gain
# by that, and making it needs the very clang that PostgreSQL was built with. with_llvm=yes makes it.
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PostgreSQL's own headers are taken as system headers, so that only our code is judged.
ifdef WERROR
as_system = $(patsubst -I$(1),-isystem $(1),$(2))
override CPPFLAGS := $(call as_system,$(includedir_server),$(call as_system,$(libpq_srcdir),$(CPPFLAGS)))
override CFLAGS += -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers \
	-Wshadow -Wvla
# clang does not know all of the flags that PostgreSQL was built with.
ifneq (,$(findstring clang,$(CC)))
override CFLAGS += -Wno-ignored-optimization-argument -Wno-unknown-warning-option \
	-Wno-unused-command-line-argument
endif
endif

ifneq ($(here),.)
$(shell mkdir -p $(sort $(dir $(OBJS) $(GUARD_OBJ))))
endif

-include $(OBJS:.o=.d) $(GUARD_OBJ:.o=.d)

# Functions that SQL calls, the main functions of the processes, and the clock that tests set.
taskly_exports.txt: $(SOURCES)
	( printf '%s\n' Pg_magic_func _PG_init 'pg_finfo_*' 'taskly_*_main' \
	  taskly_now taskly_clock_shift taskly_clock_reset; \
	  sed -n 's/^PG_FUNCTION_INFO_V1(\([A-Za-z0-9_]*\)).*/\1/p' $^ ) >$@

# The guard is a program, not a part of the library: its own rules, hooked on the usual ones.
all: $(GUARD)

$(GUARD): $(GUARD_OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) $(LDFLAGS_EX) -o $@ $<

install: install-guard
uninstall: uninstall-guard

install-guard: $(GUARD) installdirs
	$(INSTALL_PROGRAM) $(GUARD) '$(DESTDIR)$(pkglibdir)/'

uninstall-guard:
	rm -f '$(DESTDIR)$(pkglibdir)/$(GUARD)'

# The processes start with the server, so a server without the preload has nothing to test.
installcheck-preload:
	@libs=$$('$(bindir)/psql' -XAtd postgres -c 'SHOW shared_preload_libraries') || { \
		echo 'make installcheck needs a running server; script/test brings its own.' >&2; exit 1; }; \
	case ",$$(echo "$$libs" | tr -d ' ')," in \
	*,taskly,*) ;; \
	*) echo "The server does not preload taskly: set shared_preload_libraries = 'taskly' and" >&2; \
	   echo 'restart it, or use script/test, which runs these tests on a server of its own.' >&2; \
	   exit 1 ;; \
	esac

version = $(shell sed -n 's/^ *"version": "\(.*\)",$$/\1/p' $(here)/META.json | head -n 1)

dist:
	git -C $(here) archive --format=zip --prefix=taskly-$(version)/ \
		--output='$(CURDIR)/taskly-$(version).zip' HEAD
	@echo taskly-$(version).zip

.PHONY: install-guard uninstall-guard installcheck-preload dist

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kselftest on the emulated machine: what firmware and udev do elsewhere, then
 * the program as it is
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

int selftest_main(void)
{
	static char * const argv[] = { "/edu_accel", NULL };
	int status;
	pid_t pid;

	engines_power_up();
	if (load_iommus() || load_module("edu-accel"))
		die("cannot load the drivers");

	pid = fork();
	if (!pid) {
		execv(argv[0], argv);
		_exit(EXIT_FAILURE);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("cannot run %s", argv[0]);
	return status || log_splats(false);
}

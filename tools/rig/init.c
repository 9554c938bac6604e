// SPDX-License-Identifier: GPL-2.0-only
/*
 * Init of the emulated machine: "rig=" on the command line tells what to do. On
 * a board it is a program, "check SUITE".
 */
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "rig.h"

int main(int argc, char **argv)
{
	const char *what;
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getpid() != 1 && argc != 2) {
		fprintf(stderr, "usage: check SUITE, as root\n");
		return EXIT_FAILURE;
	}
	mount_all();
	if (getpid() != 1)
		return check_main(argv[1]) ? EXIT_FAILURE : EXIT_SUCCESS;
	/* What firmware said ends in the middle of a line; RISC-V's uses the console, too */
	if (on_acpi() || ON_RISCV)
		printf("\nrig: begins\n");
	what = cmdline("rig");
	if (!what)
		die("no rig= on the kernel's command line");

	if (!strcmp(what, "kexec") || !strcmp(what, "reboot"))
		end_kernel(what);
	if (!strcmp(what, "run"))
		ret = run_main();
	else if (!strcmp(what, "selftest"))
		ret = selftest_main();
	else
		ret = check_main(what);
	/* The host waits for this line: a machine that died has none */
	printf("rig: %s\n", ret ? "failed" : "passed");
	power_off();
}

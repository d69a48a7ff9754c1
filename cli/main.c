/* The engram program: the table of commands, and what is the same for all of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_text.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/file_limits.h"

extern const struct command cmd_tour, cmd_store, cmd_recall, cmd_capacity, cmd_theory, cmd_info,
    cmd_verify, cmd_backup, cmd_vacuum, cmd_repair, cmd_export, cmd_delete, cmd_data, cmd_bench,
    cmd_reproduce, cmd_doctor, cmd_help, cmd_attack, cmd_train, cmd_eval, cmd_predict, cmd_compare,
    cmd_rerun, cmd_features, cmd_import, cmd_forget, cmd_merge, cmd_diff, cmd_split, cmd_teach,
    cmd_classify, cmd_size, cmd_measure, cmd_dynamics;

const struct command *const commands[] = {
    &cmd_tour,    &cmd_store,    &cmd_recall,    &cmd_capacity, &cmd_theory, &cmd_info,
    &cmd_verify,  &cmd_backup,   &cmd_vacuum,    &cmd_repair,   &cmd_export, &cmd_delete,
    &cmd_forget,  &cmd_merge,    &cmd_diff,      &cmd_split,    &cmd_teach,  &cmd_classify,
    &cmd_train,   &cmd_eval,     &cmd_predict,   &cmd_compare,  &cmd_rerun,  &cmd_attack,
    &cmd_import,  &cmd_features, &cmd_size,      &cmd_data,     &cmd_bench,  &cmd_doctor,
    &cmd_measure, &cmd_dynamics, &cmd_reproduce, &cmd_help,     NULL,
};

const struct command *command_find(const char *name)
{
    for (const struct command *const *c = commands; *c != NULL; c++)
        if (strcmp((*c)->name, name) == 0) return *c;
    return NULL;
}

static const char *command_name(const void *user, size_t i)
{
    (void)user;
    return commands[i] ? commands[i]->name : NULL;
}

/* The command line as a shell would take it back. */
static const char *quoted_line(int argc, char **argv)
{
    struct text t = { 0 };
    text_add(&t, "engram");
    for (int i = 1; i < argc; i++) {
        text_add(&t, " ");
        text_add_word(&t, argv[i]);
    }
    const char *line = keep_format("%s", t.s);
    text_clear(&t);
    return line;
}

/* A closed descriptor 0, 1 or 2 is taken by the next file opened, and what is printed would
 * end up in it: hold the place by /dev/null opened the wrong way round, so that use fails. */
static void hold_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* What was printed has arrived. A reader that has gone (| head) is no error. */
static int close_output(FILE *out, const char *name)
{
    const int bad = ferror(out);
    if (fflush(out) == 0 && !bad) return EXIT_DONE;
    if (errno == EPIPE) return EXIT_DONE;
    fprintf(stderr, "engram: %s: cannot be written: %s\n", name, strerror(errno));
    return EXIT_IO;
}

/* -o FILE of commands that print. */
static int run_into_file(struct call *call)
{
    const char *path = call->common->output, *beside = NULL;
    call->out = open_output(path, &beside);
    if (call->out == NULL) return cannot_write(path, strerror(errno));
    int code = call->command->run(call);
    const int closed = close_output(call->out, path);
    if (fclose(call->out) != 0 || closed != EXIT_DONE) code = EXIT_IO;
    if (code == EXIT_DONE || code == EXIT_NO) {
        if (beside == NULL || rename(beside, path) == 0) {
            say(call, "wrote   %s", path);
            return code;
        }
        fprintf(stderr, "engram: %s: %s\n", path, strerror(errno));
        code = EXIT_IO;
    }
    if (beside != NULL) unlink(beside);
    return code;
}

/* Whether word is one of "these|words"; words: NULL, none. */
static int is_among(const char *word, const char *words)
{
    const size_t n = strlen(word);
    for (const char *p = words; p != NULL; p = strchr(p, '|'), p = p != NULL ? p + 1 : NULL)
        if (strcspn(p, "|") == n && strncmp(p, word, n) == 0) return 1;
    return 0;
}

static int run_command(struct call *call)
{
    const char *output = call->common->output;
    const int own =
        call->command->own_output
        || (call->nargs > 0 && is_among(call->args[0], call->command->own_output_words));
    if (output != NULL && is_memory_file(output)) /* it holds what nobody could write again */
        return cannot_write(output, "a memory file, and it is not overwritten");
    if (output != NULL && !own && strcmp(output, "-") != 0) return run_into_file(call);
    if (output != NULL && call->command->own_output == 2 && strcmp(output, "-") == 0)
        return fail_usage(call, "-o: expected a folder, got -");
    call->out = stdout;
    const int code = call->command->run(call);
    const int closed = close_output(stdout, "standard output");
    return closed == EXIT_DONE ? code : closed;
}

/* The words of the common options before the verb go behind it. */
static void verb_first(int argc, char **argv)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-' && argv[i][1] != '\0') {
        const struct opt *o = common_options;
        const char *word = argv[i] + 1 + (argv[i][1] == '-');
        const size_t n = strcspn(word, "=");
        for (; o->name != NULL; o++)
            if (argv[i][1] == '-' ? strlen(o->name) == n && strncmp(o->name, word, n) == 0
                                  : o->letter == word[0] && word[1] == '\0')
                break;
        if (o->name == NULL || strcmp(o->name, "help") == 0) return;
        i += o->kind == OPT_FLAG || word[n] == '=' ? 1 : 2;
    }
    if (i >= argc) return;
    char *verb = argv[i];
    memmove(argv + 2, argv + 1, (size_t)(i - 1) * sizeof *argv);
    argv[1] = verb;
}

static int bad_count(const struct command *c, size_t got)
{
    fprintf(stderr, "engram %s: expected %s%zu argument%s (%.*s), got %zu\n  engram %s --help\n",
            c->name,
            got < c->min_args && c->min_args != c->max_args ? "at least "
            : c->min_args != c->max_args                    ? "at most "
                                                            : "",
            got < c->min_args ? c->min_args : c->max_args,
            (got < c->min_args ? c->min_args : c->max_args) == 1 ? "" : "s",
            (int)(*c->arguments ? strlen(c->arguments) - 1 : 4),
            *c->arguments ? c->arguments : "none", got, c->name);
    return EXIT_USAGE;
}

static int dispatch(const struct command *command, int argc, const char *const *argv,
                    const char *line)
{
    const size_t size = command->defaults ? command->size : sizeof(struct common);
    void *values = need(1, size);
    if (command->defaults != NULL) memcpy(values, command->defaults, size);
    struct call call = { command, values, values, NULL, 0, line, stdout };
    int code = options_parse(command, argc, argv, values, &call.args, &call.nargs);
    limits_set(call.common->max_bytes);
    if (code == EXIT_DONE && call.common->help) {
        help_command(stdout, command);
        if (command->more_help != NULL) command->more_help(stdout, values);
        code = close_output(stdout, "standard output");
    } else if (code == EXIT_DONE
               && (call.nargs < command->min_args || call.nargs > command->max_args)) {
        code = bad_count(command, call.nargs);
    } else if (code == EXIT_DONE) {
        code = run_command(&call);
    }
    free(values);
    return code;
}

static int no_command(const char *name)
{
    const char *near = nearest_name(name, command_name, NULL);
    fprintf(stderr, "engram: no command \"%s\"", name);
    if (near != NULL) fprintf(stderr, "; did you mean %s?", near);
    fputs("\n  engram help\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    hold_standard_files();
    catch_interrupt();
    const char *typed = getenv("ENGRAM_CALLED_AS"); /* by ./run, which is not seen in argv */
    if (typed != NULL && *typed != '\0')
        called_as(typed);
    else if (argc > 0 && strchr(argv[0], '/') != NULL) /* a shell finds the rest */
        called_as(argv[0]);
    verb_first(argc, argv);
    int code;
    const char *verb = argc > 1 ? argv[1] : "help";
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) verb = "help";
    const struct command *command = command_find(verb);
    if (strcmp(verb, "--version") == 0) {
        printf("engram %s\n", eg_version());
        code = close_output(stdout, "standard output");
    } else if (command == NULL) {
        code = no_command(verb);
    } else {
        code = dispatch(command, argc > 2 ? argc - 2 : 0, (const char *const *)argv + 2,
                        quoted_line(argc, argv));
    }
    keep_release();
    return code;
}

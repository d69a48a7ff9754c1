/* Help, man page and shell completion, all read from the tables of commands and options. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/command.h"

static void add_default(struct text *t, const struct opt *o, const void *defaults)
{
    const char *at = (const char *)defaults + o->offset;
    double number;
    size_t size;
    int whole;
    const char *text;
    switch (o->kind) {
    case OPT_NUMBER:
        memcpy(&number, at, sizeof number);
        if (!isnan(number)) text_add(t, " [%g]", number);
        break;
    case OPT_SIZE:
        memcpy(&size, at, sizeof size);
        if (size != 0 && size != SIZE_MAX) text_add(t, " [%zu]", size);
        break;
    case OPT_CHOICE:
        memcpy(&whole, at, sizeof whole);
        if (whole >= 0) text_add(t, " [%s]", o->choice((size_t)whole));
        break;
    case OPT_TEXT:
        memcpy(&text, at, sizeof text);
        if (text != NULL) text_add(t, " [%s]", text);
        break;
    default:
        break;
    }
}

static void add_choices(struct text *t, const struct opt *o)
{
    if (o->kind != OPT_CHOICE) return;
    text_add(t, ":");
    for (size_t i = 0; o->choice(i) != NULL; i++) text_add(t, " %s", o->choice(i));
}

static const void *defaults_of(const struct command *command)
{
    static const struct common none;
    return command->defaults != NULL ? command->defaults : &none;
}

static void help_option(FILE *out, const struct opt *o, const void *defaults)
{
    char left[48];
    struct text right = { 0 };
    char letter[8] = "    ";
    if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s %s", letter, o->name, o->arg ? o->arg : "");
    text_add(&right, "%s", o->summary);
    add_choices(&right, o);
    add_default(&right, o, defaults);
    fprintf(out, "  %-27s", left);
    size_t column = 29;
    char *state, *word = strtok_r(right.s, " ", &state);
    for (; word != NULL; word = strtok_r(NULL, " ", &state)) {
        if (column + 1 + strlen(word) > 96) {
            fprintf(out, "\n%29s", "");
            column = 29;
        }
        fprintf(out, " %s", word);
        column += 1 + strlen(word);
    }
    fputc('\n', out);
    text_clear(&right);
}

void help_command(FILE *out, const struct command *command)
{
    fprintf(out, "Examples:\n");
    for (const char *line = command->examples; *line != '\0';) {
        const int n = (int)strcspn(line, "\n");
        fprintf(out, "  %.*s\n", n, line);
        line += n + (line[n] == '\n');
    }
    fprintf(out, "\nengram %s %s[options]\n  %s\n", command->name, command->arguments,
            command->summary);
    if (command->notes != NULL) fprintf(out, "\n%s\n", command->notes);
    if (command->options != NULL) fprintf(out, "\nOptions:\n");
    for (const struct opt *o = command->options; o != NULL && o->name != NULL; o++)
        help_option(out, o, defaults_of(command));
    fprintf(out, "\nOptions of every command:\n");
    for (const struct opt *o = common_options; o->name != NULL; o++)
        help_option(out, o, defaults_of(command));
}

void help_all(FILE *out)
{
    fprintf(out, "engram %s: memories that store, recall and prove it\n\n", eg_version());
    fprintf(out, "  engram tour                                 see it work, in a minute\n"
                 "  engram store digits.egm semeion             a memory file of 1593 digits\n"
                 "  engram recall digits.egm cue.png -o out.png complete a picture\n\n");
    for (const struct command *const *c = commands; *c != NULL; c++)
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    fprintf(out, "\nengram VERB --help shows examples first.\n"
                 "exit: 0 done, 1 the answer is no, 2 usage, 3 file corrupt, 4 input or output,\n"
                 "      5 out of memory or over a limit, 130 interrupted\n");
}

/* Troff: a line may not begin with '.' or ''' and '\' is its escape; '-' is a minus. */
static void man_text(FILE *out, const char *s)
{
    for (const char *p = s; *p != '\0'; p++) {
        if ((p == s || p[-1] == '\n') && (*p == '.' || *p == '\'')) fputs("\\&", out);
        if (*p == '\\' || *p == '-') fputc('\\', out);
        fputc(*p, out);
    }
}

static void man_option(FILE *out, const struct opt *o, const void *defaults)
{
    struct text t = { 0 };
    fputs(".TP\n", out);
    if (o->letter) fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
    fprintf(out, "\\fB\\-\\-%s\\fR", o->name);
    if (o->arg != NULL) fprintf(out, " \\fI%s\\fR", o->arg);
    text_add(&t, "%s", o->summary);
    add_choices(&t, o);
    add_default(&t, o, defaults);
    fputc('\n', out);
    man_text(out, t.s);
    fputc('\n', out);
    text_clear(&t);
}

static void man_command(FILE *out, const struct command *c)
{
    fprintf(out, ".SS engram %s ", c->name);
    man_text(out, c->arguments);
    fputs("\n", out);
    man_text(out, c->summary);
    fputs(".\n", out);
    if (c->notes != NULL) {
        fputs(".PP\n", out);
        man_text(out, c->notes);
        fputc('\n', out);
    }
    for (const struct opt *o = c->options; o != NULL && o->name != NULL; o++)
        man_option(out, o, defaults_of(c));
    fputs(".PP\nExamples:\n.PP\n.nf\n.RS\n", out);
    man_text(out, c->examples);
    fputs("\n.RE\n.fi\n", out);
}

void help_man(FILE *out)
{
    static const struct common none;
    fprintf(out, ".TH ENGRAM 1 \"\" \"engram %s\" \"User Commands\"\n", eg_version());
    fputs(".SH NAME\nengram \\- memories that store, recall and prove it\n"
          ".SH SYNOPSIS\n.B engram\n\\fIVERB\\fR [\\fIFILE\\fR] [\\fIoptions\\fR]\n"
          ".SH DESCRIPTION\nData goes to standard output, messages and progress to standard "
          "error. The name\n.B \\-\nstands for standard input or output.\n"
          ".SH OPTIONS OF EVERY COMMAND\n",
          out);
    for (const struct opt *o = common_options; o->name != NULL; o++) man_option(out, o, &none);
    fputs(".SH COMMANDS\n", out);
    for (const struct command *const *c = commands; *c != NULL; c++) man_command(out, *c);
    fputs(
        ".SH EXIT STATUS\n0 done; 1 the answer is no; 2 usage; 3 a file is corrupt or of an "
        "unknown version; 4 input or output failed; 5 out of memory, or over a stated limit; "
        "130 interrupted.\n"
        ".SH ENVIRONMENT\n.TP\n.B ENGRAM_DATA\nfolders of data sets, separated by colons\n"
        ".TP\n.B ENGRAM_MODELS\nfolders of networks, separated by colons, where teach looks for "
        "mobilenet_v2.onnx\n"
        ".TP\n.B ENGRAM_SHARE\nthe folder of the data that ships with the program\n"
        ".TP\n.B ENGRAM_CALLED_AS\nwhat to print for the program where it says what to type next\n"
        ".TP\n.B NO_COLOR\nno colours\n.TP\n.B EG_ISA\nthe best kernels that may be used\n",
        out);
}

static void complete_options(FILE *out, const struct opt *o)
{
    for (; o != NULL && o->name != NULL; o++) fprintf(out, " --%s", o->name);
}

static void complete_choices(FILE *out, const struct opt *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        if (o->choice == NULL) continue;
        fprintf(out, "      --%s) choices=\"", o->name);
        for (size_t i = 0; o->choice(i) != NULL; i++) fprintf(out, "%s ", o->choice(i));
        fputs("\" ;;\n", out);
    }
}

/* The names of the argument at a place of the line, behind the cases of options. */
static void complete_words(FILE *out, const char *(*name)(const void *user, size_t i), int place)
{
    if (name == NULL) return;
    fprintf(out, "    ((COMP_CWORD == %d)) && choices=\"", place);
    for (size_t i = 0; name(NULL, i) != NULL; i++) fprintf(out, "%s ", name(NULL, i));
    fputs("\"\n", out);
}

void help_completion(FILE *out)
{
    fputs("# bash completion of engram: source it, or install it as\n"
          "# share/bash-completion/completions/engram\n_engram() {\n"
          "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "  local verb=${COMP_WORDS[1]} options= choices=\n"
          "  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W \"",
          out);
    for (const struct command *const *c = commands; *c != NULL; c++)
        fprintf(out, "%s ", (*c)->name);
    fputs("\" -- \"$word\"))\n    return\n  fi\n  case $verb in\n", out);
    for (const struct command *const *c = commands; *c != NULL; c++) {
        fprintf(out, "  %s) options=\"", (*c)->name);
        complete_options(out, (*c)->options);
        complete_options(out, common_options);
        fputs("\"\n    case $before in\n", out);
        complete_choices(out, (*c)->options);
        fputs("      *) ;;\n    esac\n", out);
        complete_words(out, (*c)->first, 2);
        complete_words(out, (*c)->second, 3);
        fputs("    ;;\n", out);
    }
    fputs("  esac\n"
          "  if [[ -n $choices ]]; then COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
          "  elif [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "  else COMPREPLY=($(compgen -f -- \"$word\")); fi\n}\n"
          "complete -o filenames -F _engram engram\n",
          out);
}

package cli

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// programFlags are the fields that apps and jobs share, as flags.
type programFlags struct {
	image, size, cpu, cpuLimit, memory, user   string
	command, args                              []string
	env, envSecret, envApp, envConfig, envFrom []string
	envTemplate, envInstance, mounts           []string
}

func (f *programFlags) addImage(flags *pflag.FlagSet) {
	flags.StringVar(&f.image, "image", "", "`IMAGE` to run, such as ghcr.io/acme/web:1.4")
}

func (f *programFlags) addEnvironment(cmd *cobra.Command) {
	section(cmd, sectionEnvironment, func(flags *pflag.FlagSet) {
		flags.StringArrayVarP(&f.env, "env", "e", nil, "environment variable `NAME=VALUE`; NAME- removes it")
		flags.StringArrayVar(&f.envSecret, "env-secret", nil, "environment variable with a secret's value: `NAME=SECRET/KEY`")
		flags.StringArrayVar(&f.envApp, "env-app", nil, "environment variable with an app's address: `NAME=APP`, or NAME=APP/PORT")
		flags.StringArrayVar(&f.envConfig, "env-config", nil, "environment variable with the text of a config's file: `NAME=CONFIG/FILE`")
		flags.StringArrayVar(&f.envTemplate, "env-template", nil, "environment variable with others in it: `NAME=TEMPLATE`, such as 'URL=postgres://u:$(PASSWORD)@db'")
		flags.StringArrayVar(&f.envInstance, "env-instance", nil, "environment variable about the instance, `NAME=WHAT`: name, address or node")
		flags.StringArrayVar(&f.envFrom, "env-from", nil, "all keys of a `SOURCE` as variables: secret/NAME or config/NAME, or secret/NAME:PREFIX; secret/NAME- removes it")
	})
}

func (f *programFlags) addSize(flags *pflag.FlagSet) {
	flags.StringVar(&f.size, "size", "", "`SIZE` of an instance: "+pod.SizeWords())
	flags.StringVar(&f.cpu, "cpu", "", "`CPU` request of an instance, such as 500m")
	flags.StringVar(&f.cpuLimit, "cpu-limit", "", "most `CPU` that an instance may use, such as 1")
	flags.StringVar(&f.memory, "memory", "", "`MEMORY` of an instance, such as 512Mi")
}

func (f *programFlags) addMounts(cmd *cobra.Command) {
	section(cmd, sectionMounts, func(flags *pflag.FlagSet) {
		flags.StringArrayVar(&f.mounts, "mount", nil, "mount a source, `PATH=SOURCE`: config/NAME, secret/NAME, config/NAME/FILE:0755 for one file and its mode, disk/NAME (:ro to only read), scratch/SIZE; PATH- removes it")
	})
}

func (f *programFlags) addCommand(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.command, "command", nil, "entrypoint instead of the image's, one flag for each `WORD`")
	flags.StringArrayVar(&f.args, "arg", nil, "arguments instead of the image's, one flag for each `WORD`")
	flags.StringVar(&f.user, "user", "", "numeric user to run as instead of the image's: `UID`")
}

// set sets the fields whose flags were given.
func (f *programFlags) set(cmd *cobra.Command, fields pod.Fields, create bool) error {
	setTexts(cmd, fields, map[string]string{"image": f.image, "size": f.size, "cpu": f.cpu, "cpu-limit": f.cpuLimit, "memory": f.memory})
	if cmd.Flags().Changed("command") {
		fields["command"] = orRemoveList(f.command)
	}
	if cmd.Flags().Changed("arg") {
		fields["args"] = orRemoveList(f.args)
	}
	return errors.Join(f.setUser(cmd, fields), f.setEnv(fields), f.setEnvFrom(fields, create), f.setMounts(fields))
}

// setTexts sets the fields that have the names of some flags which were given: of --start-grace, startGrace.
func setTexts(cmd *cobra.Command, fields pod.Fields, values map[string]string) {
	for flag, value := range values {
		if cmd.Flags().Changed(flag) {
			fields[fieldOf(flag)] = orRemove(value)
		}
	}
}

// fieldOf returns the name of the field that a flag sets.
func fieldOf(flag string) string {
	words := strings.Split(flag, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

func orRemove(value string) any {
	if value == "-" {
		return nil
	}
	return value
}

func orRemoveList(values []string) any {
	if len(values) == 1 && values[0] == "-" {
		return nil
	}
	return values
}

// editOf returns an edit, or the error of one without fields.
func editOf(cmd *cobra.Command, edit pod.Edit, err error) (pod.Edit, error) {
	if err == nil && len(edit.Fields) == 0 {
		err = fault.New(fault.Usage, "no field to set: give at least one flag").WithHint("%s --help", cmd.CommandPath())
	}
	return edit, err
}

func (f *programFlags) setUser(cmd *cobra.Command, fields pod.Fields) error {
	if !cmd.Flags().Changed("user") {
		return nil
	}
	fields["user"] = nil
	if f.user != "-" {
		uid, err := strconv.ParseInt(f.user, 10, 64)
		if err != nil {
			return fault.New(fault.Usage, "--user %q is not the number of a user such as 1000", f.user)
		}
		fields["user"] = uid
	}
	return nil
}

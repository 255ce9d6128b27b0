using System.Diagnostics;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Configuration;

/// <summary>Python's <c>jsonschema</c>: an implementation of the standard that is not ours.</summary>
internal static class SchemaValidator
{
    private const string Python = "/usr/bin/python3";

    private const string Script = """
        import json, sys, yaml, jsonschema
        schema = json.load(open(sys.argv[1], encoding="utf-8"))
        validator = jsonschema.validators.validator_for(schema)
        validator.check_schema(schema)
        for error in validator(schema).iter_errors(yaml.safe_load(sys.stdin)):
            print("/".join(map(str, error.absolute_path)) + ": " + error.message)
        """;

    /// <summary>Skips the test where Debian's python3-jsonschema and python3-yaml are missing; on a build server that fails it.</summary>
    public static async Task RequireAsync()
    {
        var isInstalled = File.Exists(Python) && (await RunAsync("import yaml, jsonschema", "")).ExitCode == 0;
        Require.That(isInstalled, "Python's jsonschema is not installed (apt-get install python3-jsonschema python3-yaml)");
    }

    /// <returns>What the schema has against the YAML text, a line each; empty when it is valid.</returns>
    public static async Task<string> ValidateAsync(string schema, string yaml)
    {
        var (exitCode, output, errors) = await RunAsync(Script, yaml, schema);
        Assert.True(exitCode == 0, errors);
        return output.Trim();
    }

    private static async Task<(int ExitCode, string Output, string Errors)> RunAsync(string script, string input, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Python, ["-c", script, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await errors);
    }
}

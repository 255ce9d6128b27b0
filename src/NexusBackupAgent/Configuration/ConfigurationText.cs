using System.Text;
using YamlDotNet.Core;

namespace NexusBackupAgent.Configuration;

/// <summary>Reads the file as far as a YAML tree; what stands in the way of that is one problem, in words an operator can act on.</summary>
internal static class ConfigurationText
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <returns>The root mapping, or null after reporting why there is none.</returns>
    public static Section? Read(string path, ProblemList problems)
    {
        if (ReadBytes(path, problems) is not { } bytes || Decode(bytes, problems) is not { } text)
            return null;
        try
        {
            return Root(DocumentParser.Parse(text), problems);
        }
        catch (YamlException wrong)
        {
            problems.Add(YamlMistake.Explain(text, wrong));
            return null;
        }
    }

    private static Section? Root(DocumentNode? root, ProblemList problems)
    {
        if (root is MappingNode mapping)
            return new Section("", mapping.Line, mapping, problems);
        Fail(problems, root?.Line ?? 0, null, root is null ? "the file is empty" : "the file is not a mapping of keys to values",
            "write at least stores: and sources:, as in examples/itsm-nexus.yml");
        return null;
    }

    private static byte[]? ReadBytes(string path, ProblemList problems)
    {
        try
        {
            if (!Directory.Exists(path))
                return File.ReadAllBytes(path);
            Fail(problems, 0, path, "is a directory, not a configuration file", "name the file: --config FILE");
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            Fail(problems, 0, path, "there is no such configuration file", "name the file: --config FILE, or start from examples/itsm-nexus.yml");
        }
        catch (UnauthorizedAccessException)
        {
            Fail(problems, 0, path, "the file may not be read by this user", $"give access: chmod u+r {path}, or run as its owner");
        }
        catch (IOException unreadable)
        {
            Fail(problems, 0, path, $"the file cannot be read: {unreadable.Message}", "check the disk and the path");
        }

        return null;
    }

    private static string? Decode(byte[] bytes, ProblemList problems)
    {
        try
        {
            return StrictUtf8.GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException wrong)
        {
            // The index counts from the first byte of the sequence and may be negative when it began in an earlier block.
            var line = bytes.AsSpan(0, Math.Clamp(wrong.Index, 0, bytes.Length)).Count((byte)'\n') + 1;
            Fail(problems, line, null, "the file is not UTF-8 text", "save it as UTF-8, for example: iconv -f SHIFT_JIS -t UTF-8");
            return null;
        }
    }

    private static void Fail(ProblemList problems, int line, string? value, string problem, string mend) =>
        problems.Add(new ConfigurationProblem("", line, value, problem, mend));
}
